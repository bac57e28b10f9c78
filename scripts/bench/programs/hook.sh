#!/usr/bin/env bash
# A whole hook as users write it: all of the agent's JSON into one row. Theirs ends in `exit 0`; this one's status
# tells whether the entry was written.
# shellcheck source=/dev/null
. "$QUEUE_LIB"
queue_db_write "INSERT INTO events(session, hook) VALUES (json_extract(:hook, '\$.session_id'), :hook)" \
  save_event 5 '{}' 'hook@-'
