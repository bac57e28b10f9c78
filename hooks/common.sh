# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is for the library and the scripts
#
# common.sh - what the hook scripts share. Sourced first; it is read on every tool call, so it is short, and nothing
# in it starts a process but what happens once a session or goes wrong.
#
# A hook must not print, for an agent takes that for context, and must not fail, for that stops the agent: what goes
# wrong becomes a line in the spool's worker.log, or is lost with the spool.

LC_ALL=C # one byte a character, and a point in EPOCHREALTIME

# When it happened. The worker comes later.
hook_at="at=${EPOCHREALTIME-}"
hook_home=${BASH_SOURCE[0]%/*}
hook_home=${hook_home%/.}
[[ $hook_home == /* ]] || hook_home=$PWD/$hook_home
# For the library: the worker creates the tables, and migrates them.
QUEUE_SCHEMA=$hook_home/schema.sql
# In POSIX mode a file that is missing would end the script.
# shellcheck source=../lib/queue-lib.sh
[[ -f $hook_home/../lib/queue-lib.sh ]] && . "$hook_home/../lib/queue-lib.sh"

# hook_write SQL OPERATION PRIORITY VALUE...: puts one write into the queue.
hook_write() {
  queue_db_write "$1" "$2" "$3" '{}' "$hook_at" "${@:4}" || hook_complain "$2 was not written (status $?)"
}

# Adds a line to worker.log, if there is a spool, and it is ours.
hook_complain() {
  local spool=''
  queue_find_spool spool
  [[ -d $spool && ! -L $spool && -O $spool && ! -L $spool/worker.log &&
    (! -e $spool/worker.log || -f $spool/worker.log) ]] || return 0
  (
    umask 077
    printf '%(%Y-%m-%dT%H:%M:%S%z)T error hook %s: %s\n' -1 "${0##*/}" "$1" >>"$spool/worker.log"
  )
}

# Sets hook_session to the payload's session_id, and hook_state to the start of the names of that session's files in
# the spool: ID.ops has one byte for each operation, ID.at the second of the last checkpoint. Returns 1 when there is
# no such id that may be part of a file's name, or no place for the files. Only the first 32 KB are looked at.
#
# In a string a quote is escaped, so this finds a key; it may still be a nested object's, if that is the only one. Hence
# SQL takes the count only for the session whose id the payload has at its top.
hook_find_session() {
  local spool='' text first='^[^{]*\{[^{]*' key='"session_id"[[:space:]]*:[[:space:]]*"([A-Za-z0-9_-]+)"'
  hook_session='' hook_state=''
  queue_peek_stdin text
  # Before any nested object, or the only one there is.
  [[ $text =~ $first$key || (! $text =~ $key.*$key && $text =~ $key) ]] && ((${#BASH_REMATCH[1]} <= 64)) || return
  hook_session=${BASH_REMATCH[1]}
  queue_find_spool spool
  [[ $spool == /* ]] || return
  [[ -d $spool/hooks ]] || { queue_init_dirs && mkdir -m 700 -- "$spool/hooks"; }
  [[ -O $spool && ! -L $spool && -O $spool/hooks && ! -L $spool/hooks ]] || return
  hook_state=$spool/hooks/$hook_session
  # Nothing is written by way of a link, wherever it leads.
  [[ ! -L $hook_state.ops && ! -L $hook_state.at ]] || return
  # The umask would be the worker's too, should this hook start it: hence the subshells.
  [[ -e $hook_state.ops ]] || (umask 077 && printf '' >>"$hook_state.ops")
  [[ -e $hook_state.at ]] || (umask 077 && printf '' >>"$hook_state.at")
  [[ -f $hook_state.ops && -f $hook_state.at ]]
}

# Sets hook_count to the number of operations: absolute, so a write that comes twice or late does no harm.
hook_read_count() {
  hook_count=''
  IFS= read -r -d '' -N 16777216 hook_count <"$hook_state.ops"
  hook_count=${#hook_count}
}
