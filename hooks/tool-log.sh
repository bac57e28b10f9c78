#!/bin/bash -p
# tool-log.sh - logs what happens as a row in events.
#
# For PostToolUse, PostToolUseFailure, UserPromptSubmit, PreCompact and Notification; any other event is logged as it
# is. Payloads over QUEUE_EVENT_BYTES (65536) are cut there, by the worker.
# shellcheck disable=SC2154 # common.sh sets hook_...
exec >/dev/null 2>&1
command . "${BASH_SOURCE%"${0##*/}"}./common.sh" || exit 0

if [[ ${QUEUE_EVENT_BYTES-} == '' ]]; then
  hook_write "INSERT INTO hook_input(task,at,hook) VALUES('event',:at,:hook)" log_event 7 'hook@-'
else
  hook_write "INSERT INTO hook_input(task,at,hook,bytes) VALUES('event',:at,:hook,:bytes)" log_event 7 'hook@-' \
    "bytes=$QUEUE_EVENT_BYTES"
fi
exit 0
