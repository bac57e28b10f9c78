#!/bin/bash -p
# auto-checkpoint.sh - counts an operation, and every CHECKPOINT_INTERVAL seconds (60) writes the count down.
#
# For PostToolUse of the tools that change things. Every call adds a byte to the session's file (O_APPEND: eight at a
# time lose none); the count is the file's length. Most calls end there.
#
# Of parallel hooks that find a checkpoint due, the first writes the time down at once, before the checkpoint. Two may
# still both have read the old time; then both write, with the same `due`, and SQL makes one row of it. A lock would
# be worse: without starting a process it can't be removed, and one that a killed hook leaves behind would end all
# checkpoints of the session.
# shellcheck disable=SC2154 # common.sh sets hook_...
exec >/dev/null 2>&1
command . "${BASH_SOURCE%"${0##*/}"}./common.sh" || exit 0

if ! hook_find_session; then
  hook_write "INSERT INTO hook_input(task,at,hook) VALUES('log',:at,:hook)" log_uncounted 7 'hook@-'
  exit 0
fi
printf . >>"$hook_state.ops" || hook_complain 'an operation was not counted'

interval=${CHECKPOINT_INTERVAL:-60}
[[ $interval != *[!0-9]* && ${#interval} -le 9 ]] || interval=60
now=$EPOCHSECONDS last=''
read -r last <"$hook_state.at"
if [[ $last == [1-9]* && $last != *[!0-9]* && ${#last} -le 12 ]]; then
  # A time in the future is of a clock that has been set back since.
  ((now < last || now - last >= 10#$interval)) || exit 0
  due=$((last + 10#$interval))
else
  due=$now
fi
# Over the old one, not into an emptied file, for another hook may read it now.
printf '%s\n' "$now" 1<>"$hook_state.at"
hook_read_count

# The payload goes with the first, which checks whose it is; the others take effect for a session that is known.
hook_write "INSERT INTO hook_input(task,at,hook,session,operations,due) VALUES('checkpoint',:at,:hook,:session,:operations,:due)" \
  checkpoint_session 3 'hook@-' "session=$hook_session" "operations=$hook_count" "due=$due"
hook_write "INSERT INTO hook_input(task,at,session,operations) VALUES('instance',:at,:session,:operations)" \
  checkpoint_instance 5 "session=$hook_session" "operations=$hook_count"
hook_write "INSERT INTO hook_input(task,at,session,operations) VALUES('log',:at,:session,:operations)" \
  log_checkpoint 7 "session=$hook_session" "operations=$hook_count"
exit 0
