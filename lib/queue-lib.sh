# shellcheck shell=bash
# shellcheck disable=SC2128 # mapfile makes arrays of _queue_mask and _queue_pid; their first element is meant
# shellcheck disable=SC2178 # and the other ways to set _queue_mask set that one
#
# queue-lib.sh - write to the database from a hook without waiting for it.
#
#   . "$plugin/lib/queue-lib.sh"
#   queue_db_write "INSERT INTO events VALUES (:hook)" save_event 5 '{}' 'hook@-'
#
# Bash looks at every character on the way to `return`, and every hook pays for it: what each function does, what is
# promised and how it works stand at the end of this file, behind it.

# Other shells read on until `return`, command by command, and must be able to parse what they read.
case ${BASH_VERSINFO:-0} in
  [01234])
    _queue_self=${BASH_SOURCE:-}
    case $_queue_self in '' | /*) ;; *) _queue_self=$PWD/$_queue_self ;; esac
    # shellcheck disable=SC2167 # it is the same variable in queue-old.sh
    for _queue_home in "${_queue_self:+${_queue_self%/*}/..}" "${QUEUE_HOME-}" "${CLAUDE_PLUGIN_ROOT-}"; do
      if [ -f "$_queue_home/lib/queue-old.sh" ]; then
        . "$_queue_home/lib/queue-old.sh"
        return
      fi
    done
    # Where the executables are on PATH.
    if _queue_home=$(command -v queue-write) && _queue_home=$(readlink -f -- "$_queue_home"); then
      _queue_home=${_queue_home%/*}/..
      if [ -f "$_queue_home/lib/queue-old.sh" ]; then
        . "$_queue_home/lib/queue-old.sh"
        return
      fi
    fi
    printf 'queue-lib: lib/queue-old.sh is not found: set QUEUE_HOME to the directory of hookspool\n' >&2
    return 1
    ;;
esac

_queue_self=${BASH_SOURCE[0]}
[[ $_queue_self == /* ]] || _queue_self=$PWD/$_queue_self
_queue_who=queue_db_write

# dist/queue-write holds what follows, without lines that are only comments and without indentation, so no
# string and no here-document from here on may span lines.
# BUILD: what dist/queue-write always reads

# What dist/queue-write sets: the target of --db, and that --print is wanted.
_queue_db='' _queue_print=''
# Kept from call to call: the name of the last entry (empty when Node took it) and its microseconds;
# created_at and its second; how often in a row a name was taken; and of a stdin that was peeked at, whether
# that was the `whole` of it, a `part`, or the rest was `spent`.
_queue_entry='' _queue_last=0 _queue_created='' _queue_second=none _queue_ties=0 _queue_peeked=''

# This holds the common case and nothing else, because bash copies a function's body for every call and looks
# at every character of it: text without escapes, no parameters, no settings. The rest is in _queue_prepare,
# before anything is written, and in _queue_finish; they share its locals. _queue_json is the middle of the
# entry, _queue_values a JSON list of the values with files of their own.
queue_db_write() {
  local -
  set -C +aekuvxET
  local _queue_dir=${CLAUDE_PROJECT_DIR-}/${QUEUE_BASE_DIR:-.hive-mind/queue} _queue_json _queue_pp=0${3:-5} \
    _queue_now _queue_mask _queue_pid _queue_text='' _queue_values='' _queue_stdin='' _queue_made='' _queue_size=''
  # Nothing set; a small priority; a project that is named, a plain path; printable ASCII but quote and
  # backslash, not blank; a spool that is there and ours; a sign of a worker.
  [[ ${5+x}$_queue_db${HIVE_DB-}${USE_QUEUE-}${QUEUE_DURABLE-}${QUEUE_SCHEMA-} == '' &&
    $_queue_pp${4:-"{}"}${CLAUDE_PROJECT_DIR-} == 0[123456789]'{}/'* && $_queue_dir/ != *[./]/* &&
    $1${2-} != *[!\ !#-[^-~\]]* && $1 == *[!\ ]* &&
    -O $_queue_dir && ! -L $_queue_dir && -O $_queue_dir/pending && ! -L $_queue_dir/pending &&
    -f $_queue_dir/worker.pid ]] &&
    _queue_json=${_queue_pp#0}',"operation":"'${2:-write}'","sql":"'$1'","metadata":{}' ||
    _queue_prepare "$@" || return "$_queue_text"
  # One redirection for all that may complain: each costs.
  {
    # The radix character is the locale's. The floor is not read from a FIFO, which would block.
    _queue_now=$EPOCHREALTIME
    _queue_now=${_queue_now::10}${_queue_now:11}
    [[ ! -f $_queue_dir/.seq ]] || builtin read -r -N 16 _queue_text <"$_queue_dir/.seq"
    # Compared as text of one length: as a number, what the file holds would be evaluated.
    # shellcheck disable=SC2071
    if [[ $_queue_now > $_queue_text && $_queue_now > $_queue_last && $_queue_now != *[!0123456789]* ]] ||
      _queue_correct_number; then
      [[ $EPOCHSECONDS == "$_queue_second" ]] || _queue_set_created
      # The second line of this file is `Umask: 0022`; the builtin only prints it.
      builtin mapfile -t -s 1 -n 1 _queue_mask </proc/self/status
      [[ $_queue_mask == Umask:* ]] || _queue_ask_umask
      # In one string, for printf goes through its format byte by byte.
      _queue_last=$_queue_now _queue_now+=_$BASHPID _queue_entry=${_queue_pp}_$_queue_now.json \
        _queue_text='{"seq":"'$_queue_now'","priority":'$_queue_json',"created_at":"'$_queue_created'","retries":0}'
      builtin umask 077
      if [[ $_queue_values == '' ]] || _queue_write_values "$@"; then
        # One command: between two, a trap of the caller's might print into the file. %n sets _queue_size, to 0, when
        # the file is new and ours.
        builtin printf '%n%s\n' _queue_size "$_queue_text" \
          >"$_queue_dir/pending/${_queue_pp}_$_queue_now.json" && _queue_text=written
      fi
      builtin umask "${_queue_mask:7}"
      # Is the worker alive? The fields are PID, STARTTIME and HEARTBEAT. A zombie takes signals, but has no exe.
      [[ $_queue_text == written && -f $_queue_dir/worker.pid ]] &&
        builtin mapfile -t -d ' ' -n 4 _queue_pid <"$_queue_dir/worker.pid" &&
        [[ $_queue_pid${_queue_pid[2]} == [123456789]*$'\n' ]] &&
        [[ $_queue_pid${_queue_pid[2]} != *[!0123456789$'\n']* ]] &&
        ((_queue_pid[2] -= EPOCHSECONDS, _queue_pid[2] < 30 && _queue_pid[2] > -30)) &&
        [[ -e /proc/$_queue_pid/exe ]] && return
    fi
  } 2>/dev/null
  _queue_finish "$@"
}

# Sets _queue_created to this second, UTC, as 2026-01-02T04:42:43Z.
_queue_set_created() {
  if [[ ${TZ@a} == *r* ]]; then
    _queue_load && _queue_set_created_readonly
  else
    TZ=UTC0 builtin printf -v _queue_created '%(%Y-%m-%dT%H:%M:%SZ)T' "${_queue_now::10}"
  fi
  _queue_second=${_queue_now::10}
}

# BUILD: what it reads when it must

_queue_word=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_
# Replacements come from variables, in quotes: the only spelling that means the same to bash 5.0 and 5.2.
# shellcheck disable=SC1003 # a backslash, and no attempt to escape the quote
_queue_backslash='\\' _queue_quote='\"' _queue_newline='\n' _queue_tab='\t'

# What is still common: parameters, settings, texts with a few escapes. Returns 1 when nothing is left to do,
# with the status in _queue_text.
_queue_prepare() {
  local _queue_target=${_queue_db:-${HIVE_DB-}} _queue_schema=${QUEUE_SCHEMA-}
  [[ ${QUEUE_BASE_DIR-} != /* ]] || _queue_dir=$QUEUE_BASE_DIR
  if [[ ${USE_QUEUE:-true}${QUEUE_DURABLE:-false}$_queue_pp${4:-"{}"} == truefalse0[123456789]'{}' &&
    (${QUEUE_BASE_DIR-} == /* || ${CLAUDE_PROJECT_DIR-} == /*) && $1 == *[![:space:]]* &&
    ${_queue_target:-/} == /* && ${_queue_schema:-/} == /* &&
    $_queue_dir/:$_queue_target/:$_queue_schema/ != *[./]/* &&
    -O $_queue_dir && ! -L $_queue_dir && -O $_queue_dir/pending && ! -L $_queue_dir/pending &&
    -f $_queue_dir/worker.pid ]] && _queue_encode "$@"; then
    return 0
  fi
  _queue_text=1
  _queue_load && _queue_prepare_any "$@"
}

# Makes the middle of the entry. Returns 1 when that needs more than this.
_queue_encode() {
  local _queue_param _queue_name _queue_params=''
  for _queue_param in "${@:5}"; do
    _queue_name=${_queue_param%%[=@]*}
    [[ $_queue_name == [!0123456789]* && $_queue_name != *[!$_queue_word]* ]] || return
    case ${_queue_param:${#_queue_name}:2} in
      =*) _queue_text=${_queue_param:${#_queue_name}+1} ;;
      '@-')
        [[ $_queue_param == "$_queue_name@-" ]] && _queue_open_stdin || return
        _queue_text=$_queue_head
        ;;
      *) return 1 ;;
    esac
    if ((${#_queue_text} < 512)) && [[ $_queue_stdin$_queue_param != part*@- ]] && { [[ $_queue_text != *[!\ !#-[^-~\]]* ]] || _queue_escape; }; then
      _queue_params+=,\"$_queue_name\":\"$_queue_text\"
    else
      _queue_values+=,\"$_queue_name\"
    fi
  done
  local -a _queue_texts=("$1" "${2:-write}" "$_queue_target" "$_queue_schema")
  if [[ $1${2-}$_queue_target$_queue_schema == *[!\ !#-[^-~\]]* ]]; then
    for _queue_name in 0 1 2 3; do
      _queue_text=${_queue_texts[_queue_name]}
      _queue_escape || return
      _queue_texts[_queue_name]=$_queue_text
    done
  fi
  _queue_json=${_queue_pp#0}',"operation":"'${_queue_texts[1]}'","sql":"'${_queue_texts[0]}'"'
  [[ $_queue_params == '' ]] || _queue_json+=',"params":{'${_queue_params:1}'}'
  [[ $_queue_values == '' ]] || _queue_json+=',"values":['${_queue_values:1}']'
  [[ $_queue_target == '' ]] || _queue_json+=',"db":"'${_queue_texts[2]}'"'
  [[ $_queue_schema == '' ]] || _queue_json+=',"schema":"'${_queue_texts[3]}'"'
  _queue_json+=,\"metadata\":${4:-"{}"}
  _queue_text=''
}

# Makes the text in _queue_text the inside of a JSON string. Returns 1 when that needs more than this: long texts
# with escapes, control characters, what is not ASCII.
_queue_escape() {
  [[ $_queue_text == *[!\ !#-[^-~\]]* ]] || return 0
  [[ ${#_queue_text} -lt 1024 && $_queue_text != *[!\ -~$'\n\t']* ]] || return
  _queue_text=${_queue_text//\\/"$_queue_backslash"}
  _queue_text=${_queue_text//\"/"$_queue_quote"}
  _queue_text=${_queue_text//$'\n'/"$_queue_newline"}
  _queue_text=${_queue_text//$'\t'/"$_queue_tab"}
}

# Sets _queue_stdin to `whole` or `part`, and _queue_head to that. Later it is the file that has taken a long stdin, or
# `lost`. Returns 1 when stdin is spent.
_queue_open_stdin() {
  _queue_stdin=${_queue_stdin:-$_queue_peeked}
  case $_queue_stdin in
    '') _queue_read_head ;;
    whole | part) ;;
    *) return 1 ;;
  esac
}

# In bytes, where LC_ALL is not readonly: characters are read one at a time. A timeout (TMOUT) is not the end, nor is
# the first line of a terminal; a signal is in POSIX mode, where it costs what was read.
_queue_read_head() {
  _queue_head='' _queue_stdin=part
  [[ ! -t 0 ]] || return 0
  [[ ${LC_ALL-} == C ]] || local LC_ALL=C
  builtin read -r -N 32768 _queue_head || {
    [[ $? == 1 ]] && _queue_stdin=whole || [[ ! -o posix ]]
  } || {
    _queue_stdin=lost
    return 1
  }
} 2>/dev/null

# Writes the files of the values in _queue_values; those that it creates are in _queue_made. Returns 1 when one
# can't be written.
_queue_write_values() {
  local _queue_param _queue_name _queue_file _queue_size _queue_done
  [[ -O $_queue_dir/values && ! -L $_queue_dir/values ]] || return
  for _queue_param in "${@:5}"; do
    _queue_name=${_queue_param%%[=@]*} _queue_size=''
    [[ $_queue_values, == *",\"$_queue_name\","* ]] || continue
    _queue_file=$_queue_dir/values/${_queue_pp}_$_queue_now.json.$_queue_name
    # As above. What is long and comes from stdin is appended below.
    if [[ $_queue_param == "$_queue_name="* ]]; then
      builtin printf '%n%s\n' _queue_size "${_queue_param:${#_queue_name}+1}" >"$_queue_file"
    elif [[ $_queue_stdin == part ]]; then
      builtin printf '%n' _queue_size >"$_queue_file"
    else
      builtin printf '%n%s\n' _queue_size "$_queue_head" >"$_queue_file"
    fi
    _queue_done=$?
    [[ $_queue_size == '' ]] || _queue_made+=("$_queue_file")
    [[ $_queue_done == 0 ]] || return
    [[ $_queue_param != "$_queue_name@-" || $_queue_stdin == whole ]] || _queue_append_stdin || return
  done
}

# Writes all of a long stdin to _queue_file. Not by way of our own stdout: a trap of the caller's may print while we
# wait for cat. The subshell says with 125 that nothing was taken from stdin yet.
_queue_append_stdin() {
  [[ $_queue_stdin == part ]] || return
  (
    builtin printf '%s' "$_queue_head" || builtin exit 125
    builtin type -P cat >/dev/null || builtin exit 125
    builtin exec cat
  ) >>"$_queue_file"
  case $? in
    0) builtin printf '\n' >>"$_queue_file" && _queue_stdin=$_queue_file || _queue_stdin=lost ;;
    125) return 1 ;;
    *) _queue_stdin=lost ;;
  esac
  _queue_peeked=${_queue_peeked:+spent}
  [[ $_queue_stdin != lost ]]
}

# All of stdin into $1, in bytes, as above.
_queue_slurp() {
  local _queue_whole='' _queue_text=''
  [[ ${LC_ALL-} == C ]] || local LC_ALL=C
  while builtin read -r -N 16777216 _queue_text || (($? > 128)); do _queue_whole+=$_queue_text; done
  builtin printf -v "$1" '%s' "$_queue_whole$_queue_text"
}

# BUILD: only for scripts that source it

queue_write() { queue_db_write "$@"; }
db_write() { queue_db_write "$@"; }

queue_insert() {
  if [[ ${1-} == '' || ${2-} == '' ]]; then
    builtin printf 'queue_insert: TABLE or JSON is missing\n' >&2
    return 2
  fi
  queue_db_write "CALL queue_insert(:table, :data${3:+, :source}${4:+, :hash_fields})" insert 5 '{}' \
    "table=$1" "data=$2" ${3:+"source=$3"} ${4:+"hash_fields=$4"}
}

queue_peek_stdin() {
  local -
  set +aekuvxET
  local _queue_stdin
  _queue_is_variable "${1-}" queue_peek_stdin || return
  [[ $_queue_peeked != '' ]] || { _queue_read_head && _queue_peeked=$_queue_stdin; }
  builtin printf -v "$1" '%s' "$_queue_head"
}

queue_find_spool() {
  local -
  set -C +aekuvxET
  local _queue_dir _queue_target _queue_schema _queue_text
  _queue_is_variable "${1-}" queue_find_spool || return
  _queue_dir=${CLAUDE_PROJECT_DIR-}/${QUEUE_BASE_DIR:-.hive-mind/queue}
  [[ ${QUEUE_BASE_DIR-} != /* ]] || _queue_dir=$QUEUE_BASE_DIR
  [[ (${QUEUE_BASE_DIR-} == /* || ${CLAUDE_PROJECT_DIR-} == /*) && $_queue_dir/ != *[./]/* ]] ||
    { _queue_load && _queue_find_spool; } || return
  builtin printf -v "$1" '%s' "$_queue_dir"
}

queue_read_stdin() {
  local -
  set +aekuvxET
  local _queue_more
  _queue_is_variable "${1-}" queue_read_stdin || return
  if [[ $_queue_peeked == '' ]]; then
    _queue_slurp "$1" 2>/dev/null
    return
  fi
  if [[ $_queue_peeked == part ]]; then
    _queue_slurp _queue_more 2>/dev/null
    _queue_head+=$_queue_more _queue_peeked=whole
  fi
  builtin printf -v "$1" '%s' "$_queue_head"
}

_queue_is_variable() {
  [[ $1 == '' || $1 == [0123456789]* || $1 == _queue_* || $1 == *[!$_queue_word]* ]] || return 0
  builtin printf '%s: not a name for a variable: %s\n' "$2" "$1" >&2
  return 2
}

# What the rest defines, until it is read.
_queue_finish() { if _queue_load; then _queue_finish "$@"; else [[ $_queue_text == written ]]; fi; }
_queue_correct_number() { _queue_load && _queue_correct_number; }
_queue_ask_umask() { _queue_load && _queue_ask_umask; }
queue_init_dirs() { _queue_load && queue_init_dirs; }
queue_is_available() { _queue_load && queue_is_available; }
queue_size() { _queue_load && queue_size; }
queue_processing_count() { _queue_load && queue_processing_count; }
queue_stats_get() { _queue_load && queue_stats_get; }
queue_worker_is_running() { _queue_load && queue_worker_is_running; }
queue_ensure_worker() { _queue_load && queue_ensure_worker; }
queue_stop_worker() { _queue_load && queue_stop_worker; }

# Reads queue-rest.sh, from beside this file, from where that is a link to, or from $QUEUE_HOME.
_queue_load() {
  local _queue_rest=${_queue_self%/*}/queue-rest.sh
  [[ -f $_queue_rest || ! -L $_queue_self ]] || _queue_rest=$(exec readlink -f -- "$_queue_self")
  _queue_rest=${_queue_rest%/*}/queue-rest.sh
  [[ -f $_queue_rest || ${QUEUE_HOME-} == '' ]] || _queue_rest=$QUEUE_HOME/lib/queue-rest.sh
  # shellcheck source=lib/queue-rest.sh
  [[ -f $_queue_rest ]] && builtin . "$_queue_rest" && return
  builtin printf '%s: queue-rest.sh is not found beside %s: set QUEUE_HOME to the directory of hookspool\n' \
    "$_queue_who" "$_queue_self" >&2
  return 1
}

return 0

# queue_db_write SQL [OPERATION] [PRIORITY] [METADATA] [NAME=VALUE | NAME@- ...]     also: queue_write, db_write
#   Puts SQL into the spool; the worker applies it. OPERATION names the kind of write (default: write),
#   PRIORITY is 1 (first) to 10 (default: 5), METADATA a JSON object. Each VALUE is bound to :NAME as text,
#   never spliced in; NAME@- binds all of stdin. Returns 0: the spool has it, or the database. 1: neither has
#   it. 2: bad arguments; stderr says which.
# queue_insert TABLE JSON [SOURCE] [HASH_FIELDS]
#   Puts a row into the spool: a JSON object, a field a column, checked against the real table when it is applied.
#   HASH_FIELDS (a,b): it is skipped while a row of the same fields is there; SOURCE is kept with that hash. Returns
#   as queue_db_write.
# queue_peek_stdin VAR       the first 32 KB of stdin into VAR; NAME@- still binds all of it, and while it is no
#                            longer than that in any number of writes. From then on NAME@- and queue_read_stdin mean
#                            this stdin, whatever is redirected; a long one can go into one write, in this shell
# queue_read_stdin VAR       all of stdin, to the last byte, into VAR (returns 2 for a bad name)
# queue_find_spool VAR       the path of the spool into VAR, whether it is there or not
# queue_init_dirs            creates the spool; 0 when it is there and safe
# queue_is_available         0 when writes go to the spool: it is there, safe and writable, USE_QUEUE is on
# queue_size                 prints how many entries wait
# queue_processing_count     prints how many entries the worker has in hand
# queue_stats_get            prints the statistics as JSON
# queue_worker_is_running    0 when a worker is alive
# queue_ensure_worker        starts a worker unless one is alive or was started in the last 5 s
# queue_stop_worker          has the worker finish its batch and leave
#
# A script that sets QUEUE_SCHEMA to the path of a file of migrations has them applied before its entries.
#
# Promises. While a worker is alive, queue_db_write starts no process (one `cat` for more than 32 KB of stdin)
# and prints nothing. Nothing here exits, and nothing leaves a trace in the caller: options, umask, variables
# (except names in _queue_), traps, descriptors. It works under any options, IFS and locale, with closed stdio,
# and with readonly variables and functions of the caller's that are named like ours or like builtins.
#
# How queue_db_write works:
#   1. Take the options in hand with `local -`: no globbing, no clobbering, no errexit, no tracing.
#   2. Check the arguments by pattern; text is never evaluated as arithmetic.
#   3. Find the spool (the rules of lib/config.ts) and check that it is a directory, no symlink, and ours.
#      Modes can't be read without a fork: a living worker watches them, and without one `ls` is asked.
#   4. seq = microseconds of the clock, more than the last of this process and than the floor in .seq.
#   5. A value that is long, or not plain text on a few lines, goes into a file of its own as it is,
#      values/PP_SEQ.json.NAME, and a newline behind it: making JSON of it would cost bash most of a
#      millisecond per kilobyte.
#   6. Write the entry as JSON with one printf into a new file, pending/PP_SEQ.json (noclobber is O_EXCL, mode
#      0600). The final newline commits it: readers leave a file without one alone. A taken name: next
#      microsecond. A death between 5 and 6 leaves a file that no entry names, for queue-cleanup to remove.
#   7. Only then look for the worker, which looks for entries after it has said goodbye: one of the two sees
#      the other. worker.pid is `PID STARTTIME HEARTBEAT`; alive is a process that has not ended (a zombie has)
#      and a heartbeat of the last 30 s. Else claim the start note of these 5 s and start one: in its own session, reparented, stdio
#      on /dev/null and no other descriptor, before we return; an agent waits for descriptors and kills
#      children.
#
# Handed over to Node (dist/queue-write, whose exit code is returned), as one list of NUL-ended arguments on
# stdin: USE_QUEUE off and QUEUE_DURABLE (Node's business), METADATA that is nested or escaped (needs a
# parser), SQL of half a million characters (Node is faster), a clock behind the floor (needs the lock), a
# readonly LC_ALL with SQL that is not ASCII (needs bytes), a spool that is unsafe or can't be written (Node
# then writes to the database).
#
# Sourcing this costs every hook, so it holds what most calls need; the rest is in queue-rest.sh, read when it
# is needed. Bash older than 5 and other shells, which have not the builtins for this, get the functions of
# queue-old.sh, which run the executables.
