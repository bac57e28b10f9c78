#!/bin/bash -p
# session-checkpoint.sh - writes the exact count of operations, and on SessionEnd ends session and instance.
#
# For Stop and SessionEnd. All of it is one entry, so it takes effect whole. SessionEnd leaves its hooks 1.5 seconds:
# this only puts the entry into the spool, whatever the queue's length.
# shellcheck disable=SC2154 # common.sh sets hook_...
exec >/dev/null 2>&1
command . "${BASH_SOURCE%"${0##*/}"}./common.sh" || exit 0

hook_count=''
hook_find_session && hook_read_count
hook_write "INSERT INTO hook_input(task,at,hook,session,operations) VALUES('final',:at,:hook,:session,:operations)" \
  end_checkpoint 3 'hook@-' "session=$hook_session" "operations=$hook_count"
exit 0
