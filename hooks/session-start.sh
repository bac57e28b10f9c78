#!/bin/bash -p
# session-start.sh - opens the session and its instance. For SessionStart.
#
# Before everything else of the session (priority 1), with the count it begins at: a resumed session goes on counting.
# The write starts the worker, if none is there, and the worker creates the tables. What startup, resume, clear and
# compact mean is in schema.sql.
# shellcheck disable=SC2154 # common.sh sets hook_...
exec >/dev/null 2>&1
command . "${BASH_SOURCE%"${0##*/}"}./common.sh" || exit 0

hook_count=0
hook_find_session && hook_read_count
hook_write "INSERT INTO hook_input(task,at,hook,session,operations) VALUES('start',:at,:hook,:session,:operations)" \
  start_session 1 'hook@-' "session=$hook_session" "operations=$hook_count"
exit 0
