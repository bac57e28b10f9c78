#!/bin/bash -p
# task-agent-tracker.sh - keeps a row in agents for each subagent.
#
# For PreToolUse, PostToolUse and PostToolUseFailure of Task|Agent, SubagentStart and SubagentStop, in any order and
# with any of them missing; how they become one row is in schema.sql.
# shellcheck disable=SC2154 # common.sh sets hook_...
exec >/dev/null 2>&1
command . "${BASH_SOURCE%"${0##*/}"}./common.sh" || exit 0

hook_write "INSERT INTO hook_input(task,at,hook) VALUES('agent',:at,:hook)" track_agent 5 'hook@-'
exit 0
