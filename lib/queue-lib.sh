# shellcheck shell=bash
# shellcheck disable=SC2128 # mapfile makes arrays of _queue_mask and _queue_pid; their first element is meant
# shellcheck disable=SC2178 # and the other ways to set _queue_mask set that one
#
# queue-lib.sh - write to the database from a hook without waiting for it.
#
#   . "$plugin/lib/queue-lib.sh"
#   queue_read_stdin input
#   queue_db_write "INSERT INTO events VALUES (:hook)" save_event 5 '{}' "hook=$input"
#
# queue_db_write SQL [OPERATION] [PRIORITY] [METADATA] [NAME=VALUE ...]     also: queue_write, db_write
#   Puts SQL into the spool; the worker applies it. OPERATION names the kind of write (default: write),
#   PRIORITY is 1 (first) to 10 (default: 5), METADATA a JSON object. Each VALUE is bound to :NAME as text,
#   never spliced in. Returns 0: the spool has it, or the database. 1: neither has it. 2: bad arguments;
#   stderr says which.
# queue_read_stdin VAR       all of stdin, to the last byte, into VAR (returns 2 for a bad name)
# queue_init_dirs            creates the spool; 0 when it is there and safe
# queue_is_available         0 when writes go to the spool: it is there, safe and writable, USE_QUEUE is on
# queue_size                 prints how many entries wait
# queue_processing_count     prints how many entries the worker has in hand
# queue_stats_get            prints the statistics as JSON
# queue_worker_is_running    0 when a worker is alive
# queue_ensure_worker        starts a worker unless one is alive or was started in the last 5 s
# queue_stop_worker          has the worker finish its batch and leave
#
# Promises. While a worker is alive, queue_db_write starts no process and prints nothing. Nothing here exits,
# and nothing leaves a trace in the caller: options, umask, variables (except names in _queue_), traps,
# descriptors. It works under any options, IFS and locale, with closed stdio, and with readonly variables and
# functions of the caller's that are named like ours or like builtins.
#
# How queue_db_write works:
#   1. Take the options in hand with `local -`: no globbing, no clobbering, no errexit, no tracing.
#   2. Check the arguments by pattern; text is never evaluated as arithmetic.
#   3. Find the spool (the rules of lib/config.ts) and check that it is a directory, no symlink, and ours.
#      Modes can't be read without a fork: a living worker watches them, and without one `ls` is asked.
#   4. seq = microseconds of the clock, more than the last of this process and than the floor in .seq.
#   5. Write the entry as JSON with one printf into a new file, pending/PP_SEQ.json (noclobber is O_EXCL, mode
#      0600). The final newline commits it: readers leave a file without one alone. A taken name: next
#      microsecond.
#   6. Only then look for the worker, which looks for entries after it has said goodbye: one of the two sees
#      the other. worker.pid is `PID STARTTIME HEARTBEAT`; alive is a pid that exists and a heartbeat of the
#      last 30 s. Else claim the start note of these 5 s and start one: in its own session, reparented, stdio
#      on /dev/null and no other descriptor, before we return; an agent waits for descriptors and kills
#      children.
#
# Handed over to Node (dist/queue-write, whose exit code is returned), as one list of NUL-ended arguments on
# stdin: USE_QUEUE off and QUEUE_DURABLE (Node's business), METADATA that is nested or escaped (needs a
# parser), values of half a million characters (Node is faster), a clock behind the floor (needs the
# lock), a readonly LC_ALL with text that is not ASCII (needs bytes), a spool that is unsafe or can't be
# written (Node then writes to the database).
#
# Bash older than 5 and other shells have not the builtins for this: they get functions that run the
# executables.

# Other shells read on until `return`, command by command, and must be able to parse what they read.
case ${BASH_VERSINFO:-0} in
  [01234])
    _queue_self=${BASH_SOURCE:-}
    case $_queue_self in '' | /*) ;; *) _queue_self=$PWD/$_queue_self ;; esac

    # _queue_run NAME ARGUMENT...: runs one of the executables.
    _queue_run() {
      _queue_name=$1
      shift
      for _queue_home in "${_queue_self:+${_queue_self%/*}/..}" "${QUEUE_HOME-}" "${CLAUDE_PLUGIN_ROOT-}"; do
        if [ -n "$_queue_home" ] && [ -f "$_queue_home/dist/queue-write" ]; then
          # Without the interpreter of dist/queue-write, Node can read the file as well.
          if [ -x /bin/bash ]; then
            "$_queue_home/dist/$_queue_name" "$@"
          else
            "${QUEUE_NODE:-node}" "$_queue_home/dist/$_queue_name" "$@"
          fi
          return
        fi
      done
      if command -v "$_queue_name" >/dev/null 2>&1; then
        "$_queue_name" "$@"
      else
        printf 'queue-lib: %s is not found: set QUEUE_HOME to the directory of hookspool\n' "$_queue_name" >&2
        return 1
      fi
    }

    # _queue_count KEY: a number of queue-status --json.
    _queue_count() {
      _queue_run queue-status --json | sed -n 's/.*"'"$1"'": *\([0-9][0-9]*\).*/\1/p' | head -n 1
    }

    queue_db_write() {
      _queue_sql=${1-}
      _queue_operation=${2:-write}
      _queue_priority=${3:-5}
      _queue_metadata=${4:-"{}"}
      if [ $# -gt 4 ]; then shift 4; else set --; fi
      for _queue_param; do
        set -- "$@" --param "$_queue_param"
        shift
      done
      set -- -o "$_queue_operation" -p "$_queue_priority" -m "$_queue_metadata" "$@" -- "$_queue_sql"
      _queue_param="$*"
      # One argument may have 128 KB; a character may have 4 bytes.
      if [ ${#_queue_param} -lt 30000 ]; then
        _queue_run queue-write "$@"
      else
        printf '%s\0' "$@" | _queue_run queue-write --args0
      fi
    }

    queue_read_stdin() {
      case ${1-} in
        '' | [0-9]* | *[!A-Za-z0-9_]*)
          printf 'queue_read_stdin: not a name for a variable: %s\n' "${1-}" >&2
          return 2
          ;;
      esac
      # The x keeps the final newlines.
      _queue_input=$(
        cat 2>/dev/null
        printf x
      )
      eval "$1=\${_queue_input%x}"
      unset _queue_input
    }

    queue_write() { queue_db_write "$@"; }
    db_write() { queue_db_write "$@"; }
    queue_init_dirs() { _queue_run queue-init >/dev/null; }
    queue_is_available() { _queue_run queue-init --verify >/dev/null 2>&1; }
    queue_size() { _queue_count pending; }
    queue_processing_count() { _queue_count processing; }
    queue_stats_get() { _queue_run queue-status --json; }
    queue_worker_is_running() { _queue_run queue-worker status >/dev/null 2>&1; }
    queue_ensure_worker() { _queue_run queue-worker start </dev/null >/dev/null 2>&1; }
    queue_stop_worker() { _queue_run queue-worker stop >/dev/null; }
    return 0
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
# created_at and its second; and how often in a row a name was taken.
_queue_entry='' _queue_last=0 _queue_created='' _queue_second=none _queue_ties=0

# This holds the common case and nothing else, because bash copies a function's body for every call and looks
# at every character of it: text without escapes, no parameters, no settings. The rest is in _queue_prepare,
# before anything is written, and in _queue_finish; they share its locals. _queue_json is the middle of the
# entry.
queue_db_write() {
  local -
  set -C +aekuvxET
  local _queue_dir=${CLAUDE_PROJECT_DIR-}/${QUEUE_BASE_DIR:-.hive-mind/queue} _queue_json _queue_pp=0${3:-5} \
    _queue_now _queue_mask _queue_pid _queue_text=''
  # Nothing set; a small priority; a project that is named, a plain path; printable ASCII but quote and
  # backslash, not blank; a spool that is there and ours; a sign of a worker.
  [[ ${5+x}$_queue_db${HIVE_DB-}${USE_QUEUE-}${QUEUE_DURABLE-} == '' &&
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
      # What is in the braces is only reached when the file is new and ours.
      { builtin printf '%s\n' "$_queue_text" && _queue_text=written || _queue_text=short; } \
        >"$_queue_dir/pending/$_queue_entry"
      builtin umask "${_queue_mask:7}"
      # Is the worker alive? The fields are PID, STARTTIME and HEARTBEAT.
      [[ $_queue_text == written && -f $_queue_dir/worker.pid ]] &&
        builtin mapfile -t -d ' ' -n 4 _queue_pid <"$_queue_dir/worker.pid" &&
        [[ $_queue_pid${_queue_pid[2]} == [123456789]*$'\n' ]] &&
        [[ $_queue_pid${_queue_pid[2]} != *[!0123456789$'\n']* ]] &&
        ((_queue_pid[2] -= EPOCHSECONDS, _queue_pid[2] < 30 && _queue_pid[2] > -30)) &&
        builtin kill -0 "$_queue_pid" && return
    fi
  } 2>/dev/null
  _queue_finish "$@"
}

# BUILD: what it reads when it must

_queue_word=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_
# Replacements come from variables, in quotes: the only spelling that means the same to bash 5.0 and 5.2.
# shellcheck disable=SC1003 # a backslash, and no attempt to escape the quote
_queue_backslash='\\' _queue_quote='\"'

queue_write() { queue_db_write "$@"; }
db_write() { queue_db_write "$@"; }

# Everything before the number that queue_db_write did not let pass. Returns 1 when nothing is left to do,
# with the status in _queue_text.
_queue_prepare() {
  local _queue_sql=${1-} _queue_operation=${2:-write} _queue_metadata=${4:-"{}"}
  local _queue_target _queue_params=''
  if ! _queue_check_arguments "${3:-5}" "${@:5}"; then
    _queue_text=2
    return 1
  fi
  if _queue_is_for_bash && _queue_find_spool && _queue_check_spool && _queue_encode "${@:5}"; then
    _queue_json=${_queue_pp#0}',"operation":"'$_queue_operation'","sql":"'$_queue_sql'"'
    _queue_json+=$_queue_params$_queue_target',"metadata":'$_queue_metadata
    _queue_text=''
    return 0
  fi
  _queue_entry=''
  _queue_hand_over "$@"
  _queue_text=$?
  return 1
}

# Everything after the attempt to write, unless a worker is alive. _queue_text tells how that went.
_queue_finish() {
  local _queue_ties=$((_queue_ties + 1))
  case $_queue_text in
    written)
      _queue_start_worker
      return 0
      ;;
    short) (exec rm -f -- "$_queue_dir/pending/$_queue_entry") ;;
    '{'*)
      # The name is taken: the next microsecond. Or the directory can't be written.
      if ((_queue_ties < 9)) &&
        [[ -e $_queue_dir/pending/$_queue_entry || -L $_queue_dir/pending/$_queue_entry ]]; then
        queue_db_write "$@"
        return
      fi
      ;;
  esac
  _queue_entry=''
  _queue_hand_over "$@"
}

_queue_complain() {
  builtin printf '%s: %s\n' "$_queue_who" "$1" >&2
}

# _queue_check_arguments PRIORITY NAME=VALUE...: returns 1 when something is wrong, SQL included; sets
# _queue_pp.
_queue_check_arguments() {
  local _queue_param _queue_name
  if [[ $_queue_sql != *[![:space:]]* ]]; then
    _queue_complain 'the SQL is empty'
    return 1
  fi
  _queue_pp=$1
  while [[ $_queue_pp == 0?* ]]; do _queue_pp=${_queue_pp#0}; done
  if [[ $_queue_pp != [123456789] && $_queue_pp != 10 ]]; then
    _queue_complain "the priority is '$1': it must be a whole number from 1 to 10"
    return 1
  fi
  [[ $_queue_pp == 10 ]] || _queue_pp=0$_queue_pp
  for _queue_param in "${@:2}"; do
    _queue_name=${_queue_param%%=*}
    if [[ $_queue_param != ?*=* || $_queue_name == [0123456789]* || $_queue_name == *[!$_queue_word]* ]]; then
      _queue_complain "a parameter is not NAME=VALUE, NAME of letters, digits and _: '${_queue_param:0:80}'"
      return 1
    fi
  done
}

# Returns 1 when the settings or the metadata make this write Node's.
_queue_is_for_bash() {
  # A bad value counts as the default here; the worker's log tells.
  case ${USE_QUEUE-} in [Ff][Aa][Ll][Ss][Ee] | 0 | [Nn][Oo] | [Oo][Ff][Ff]) return 1 ;; esac
  case ${QUEUE_DURABLE-} in [Tt][Rr][Uu][Ee] | 1 | [Yy][Ee][Ss] | [Oo][Nn]) return 1 ;; esac
  [[ $_queue_metadata == '{}' ]] || _queue_is_flat_object "$_queue_metadata"
}

# Sets _queue_dir, and _queue_target when the entry is to name its database.
_queue_find_spool() {
  if [[ ${CLAUDE_PROJECT_DIR-} == /* ]]; then
    _queue_text=$CLAUDE_PROJECT_DIR
  else
    _queue_find_root
  fi
  _queue_dir=${QUEUE_BASE_DIR:-.hive-mind/queue}
  [[ $_queue_dir == /* ]] || _queue_dir=$_queue_text/$_queue_dir
  _queue_make_plain _queue_dir
  _queue_target=${_queue_db:-${HIVE_DB-}}
  if [[ $_queue_target == [[:alpha:]]*://* && ${_queue_target%%://*} != *[![:alnum:]+.-]* ]]; then
    # A URL may hold a password: it stays in the worker's environment.
    _queue_target=''
  elif [[ $_queue_target != '' && $_queue_target != /* ]]; then
    _queue_target=$_queue_text/$_queue_target
    _queue_make_plain _queue_target
  fi
  return 0
}

# Sets _queue_text to the project root.
_queue_find_root() {
  local _queue_here=$PWD
  # The caller may have set PWD to anything.
  [[ $PWD == /* && $PWD -ef . ]] || _queue_here=$(builtin pwd -P 2>/dev/null)
  if [[ ${CLAUDE_PROJECT_DIR-} != '' ]]; then
    _queue_text=$_queue_here/$CLAUDE_PROJECT_DIR
    return
  fi
  _queue_text=$_queue_here
  until [[ -e $_queue_text/.hive-mind || -e $_queue_text/.git ]]; do
    if [[ $_queue_text == '' ]]; then
      _queue_text=$_queue_here
      return
    fi
    _queue_text=${_queue_text%/*}
  done
}

# Takes `.`, `..` and surplus slashes out of the path in the variable $1, by its text, as path.resolve does.
_queue_make_plain() {
  [[ ${!1}/ == *[./]/* ]] || return 0
  local _queue_rest=${!1}/ _queue_path=''
  while [[ $_queue_rest != '' ]]; do
    case ${_queue_rest%%/*} in
      '' | .) ;;
      ..) _queue_path=${_queue_path%/*} ;;
      *) _queue_path+=/${_queue_rest%%/*} ;;
    esac
    _queue_rest=${_queue_rest#*"/"}
  done
  builtin printf -v "$1" '%s' "${_queue_path:-/}"
}

# Returns 1 when the spool can't be used: Node says why, and writes to the database. Creates what is missing.
_queue_check_spool() {
  local _queue_sub _queue_modes
  [[ -e $_queue_dir/pending || -L $_queue_dir ]] || _queue_make_directories
  for _queue_sub in "$_queue_dir" "$_queue_dir/pending"; do
    [[ -d $_queue_sub && ! -L $_queue_sub && -O $_queue_sub ]] || return 1
  done
  [[ ! -f $_queue_dir/worker.pid ]] || return 0
  # Modes can't be read without a fork; a worker would have looked.
  _queue_modes=$(LC_ALL=C exec ls -ld -- "$_queue_dir" "$_queue_dir/pending" 2>/dev/null)
  [[ $_queue_modes == d???--[-S]--[-T]*$'\n'd???--[-S]--[-T]* ]]
}

# Each directory on its own: `mkdir -p -m 700 a/b` would leave a open. One may be there, or just made by a
# sibling.
_queue_make_directories() (
  command mkdir -p -- "${_queue_dir%/*}"
  command mkdir -m 700 -- "$_queue_dir"
  cd -- "$_queue_dir" && command mkdir -m 700 pending processing completed failed .tmp
) >/dev/null 2>&1

# Makes the texts of the entry JSON; the arguments are NAME=VALUE. Returns 1 when Node has to do it.
_queue_encode() {
  local _queue_param
  for _queue_param; do
    _queue_escape "${_queue_param#*=}" || return
    _queue_params+=",\"${_queue_param%%=*}\":\"$_queue_text\""
  done
  [[ $_queue_params == '' ]] || _queue_params=",\"params\":{${_queue_params#,}}"
  _queue_escape "$_queue_sql" || return
  _queue_sql=$_queue_text
  _queue_escape "$_queue_operation" || return
  _queue_operation=$_queue_text
  _queue_escape "$_queue_target" || return
  _queue_target=${_queue_text:+",\"db\":\"$_queue_text\""}
}

# Sets _queue_text to $1 as the inside of a JSON string. Returns 1 when Node has to do it.
_queue_escape() {
  _queue_text=$1
  ((${#1} < 500000)) || return 1
  if ((${#1} > 1024)) || [[ $1 == *[![:ascii:]]* ]]; then
    # Silent: setting back a locale that the system does not have prints a warning.
    _queue_escape_bytes "$1" 2>/dev/null
  elif [[ $1 == *[\\\"[:cntrl:]]* ]]; then
    _queue_text=${_queue_text//\\/"$_queue_backslash"}
    _queue_text=${_queue_text//\"/"$_queue_quote"}
    _queue_escape_controls
  fi
}

# Bash replaces in time that grows with the square of the length, hence pieces; and it cuts a piece off a string
# by copying all of it, hence a here-document, which it keeps in a pipe or a file.
_queue_escape_bytes() {
  local _queue_whole=''
  [[ ${LC_ALL-} == C ]] || local LC_ALL=C || return 1
  while builtin read -r -N 1024 _queue_text || [[ $_queue_text != '' ]]; do
    _queue_text=${_queue_text//\\/"$_queue_backslash"}
    _queue_text=${_queue_text//\"/"$_queue_quote"}
    # Quoting finds what is not printable ten times faster than a pattern.
    [[ ${_queue_text@Q} != \$* ]] || _queue_escape_controls
    _queue_whole+=$_queue_text
  done <<<"$1" || return 1
  # The here-document's own newline, escaped.
  _queue_text=${_queue_whole%??}
}

_queue_escape_controls() {
  local _queue_code _queue_char _queue_to
  [[ $_queue_text == *[[:cntrl:]]* ]] || return 0
  for _queue_code in 0a:n 09:t 0d:r 08:b 0c:f 01 02 03 04 05 06 07 0b 0e 0f \
    10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f; do
    builtin printf -v _queue_char '%b' "\\x${_queue_code%:*}"
    case $_queue_code in
      *:*) _queue_to=\\${_queue_code#*:} ;;
      *) _queue_to=\\u00$_queue_code ;;
    esac
    _queue_text=${_queue_text//"$_queue_char"/"$_queue_to"}
    # Mostly it is newlines and tabs alone.
    [[ $_queue_code != *:* || $_queue_text == *[[:cntrl:]]* ]] || return 0
  done
}

# 0 when $1 is a JSON object of plain strings, numbers, true, false and null, on one line: what can be checked
# here.
_queue_is_flat_object() {
  local _queue_rest=$1 _queue_token
  ((${#1} <= 4096)) && [[ $1 == '{'*'}' && $1 != *[\\[:cntrl:]]* && $1 != *[![:ascii:]]* ]] || return 1
  _queue_rest=${_queue_rest:1}
  while :; do
    _queue_skip_space
    # A key.
    [[ $_queue_rest == \"*\"* ]] || return 1
    _queue_rest=${_queue_rest#*\"*\"}
    _queue_skip_space
    [[ $_queue_rest == :* ]] || return 1
    _queue_rest=${_queue_rest:1}
    _queue_skip_space
    # Its value: a string, or a word that ends before a comma, brace or space.
    if [[ $_queue_rest == \"*\"* ]]; then
      _queue_rest=${_queue_rest#*\"*\"}
    else
      _queue_token=${_queue_rest%%[ ,\}]*}
      # `test`, because nocasematch would take TRUE for true in a pattern.
      [[ $_queue_token == ?(-)@(0|[123456789]*([0123456789]))?(.+([0123456789])) ]] ||
        builtin test "$_queue_token" = true || builtin test "$_queue_token" = false ||
        builtin test "$_queue_token" = null || return 1
      _queue_rest=${_queue_rest:${#_queue_token}}
    fi
    _queue_skip_space
    [[ $_queue_rest == ,* ]] || break
    _queue_rest=${_queue_rest:1}
  done
  [[ $_queue_rest == '}' ]]
}

_queue_skip_space() {
  while [[ $_queue_rest == ' '* ]]; do _queue_rest=${_queue_rest:1}; done
}

# The clock is not past the floor, or gave the same microsecond twice, or is none: EPOCHREALTIME is an
# ordinary variable once the caller has unset it. Returns 1 when Node has to find the number.
_queue_correct_number() {
  ((${#_queue_now} == 16)) && [[ $_queue_now != *[!0123456789]* ]] || return
  # What is no number is no floor.
  if ((${#_queue_text} == 16)) && [[ $_queue_text != *[!0123456789]* ]]; then
    [[ $_queue_now > $_queue_text ]] || return
  fi
  # shellcheck disable=SC2071 # as above: text of one length
  [[ $_queue_now > $_queue_last ]] || _queue_now=$((_queue_last + 1))
}

# Sets _queue_created to this second, UTC, as 2026-01-02T04:42:43Z. By arithmetic: printf's %()T would need
# TZ, which may be readonly. In 400 years (an era) are 146097 days; years begin in March here, so that the
# leap day is their last.
_queue_set_created() {
  local _queue_second_now=${_queue_now::10} _queue_day _queue_era _queue_year _queue_month
  _queue_day=$((_queue_second_now / 86400 + 719468))
  _queue_era=$((_queue_day / 146097))
  _queue_day=$((_queue_day % 146097))
  _queue_year=$(((_queue_day - _queue_day / 1460 + _queue_day / 36524 - _queue_day / 146096) / 365))
  _queue_day=$((_queue_day - 365 * _queue_year - _queue_year / 4 + _queue_year / 100))
  _queue_month=$(((5 * _queue_day + 2) / 153))
  builtin printf -v _queue_created '%04d-%02d-%02dT%02d:%02d:%02dZ' \
    "$((_queue_era * 400 + _queue_year + _queue_month / 10))" \
    "$((_queue_month < 10 ? _queue_month + 3 : _queue_month - 9))" \
    "$((_queue_day - (153 * _queue_month + 2) / 5 + 1))" \
    "$((_queue_second_now / 3600 % 24))" "$((_queue_second_now / 60 % 60))" "$((_queue_second_now % 60))"
  _queue_second=$_queue_second_now
}

# Sets _queue_mask to `Umask: 0022` where there is no /proc: in bash 5.3 without a fork. Older shells can't
# parse that.
_queue_ask_umask() {
  if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 503)); then
    builtin eval '_queue_mask=${ builtin umask; }'
  else
    _queue_mask=$(builtin umask)
  fi
  _queue_mask="Umask: $_queue_mask"
}

# 0 when worker.pid names a living process with a heartbeat of the last 30 s. One from the future is as dead
# as an old one: the clock was wrong then or is now.
_queue_is_alive() {
  local _queue_pid
  [[ -f $_queue_dir/worker.pid ]] && builtin mapfile -t -d ' ' -n 4 _queue_pid <"$_queue_dir/worker.pid" &&
    [[ $_queue_pid${_queue_pid[2]} == [123456789]*$'\n' ]] &&
    [[ $_queue_pid${_queue_pid[2]} != *[!0123456789$'\n']* ]] &&
    ((_queue_pid[2] -= EPOCHSECONDS, _queue_pid[2] < 30 && _queue_pid[2] > -30)) &&
    builtin kill -0 "$_queue_pid"
} 2>/dev/null

# Starts a worker unless another producer has done so in these 5 s. What goes wrong stands in worker.log: the
# entry is in the spool already, and the next producer tries again.
_queue_start_worker() {
  local _queue_home _queue_node
  _queue_claim_start || return 0
  _queue_find_node
  (
    _queue_export
    if [[ $_queue_node == '' ]]; then
      builtin umask 077
      [[ -L $_queue_dir/worker.log || (-e $_queue_dir/worker.log && ! -f $_queue_dir/worker.log) ]] ||
        builtin printf '%(%Y-%m-%dT%H:%M:%S%z)T error %s\n' -1 \
          "no worker was started: node is not found; put it on PATH or set QUEUE_NODE" \
          >>"$_queue_dir/worker.log"
    elif builtin type -P setsid; then
      # Only bash can close descriptors above 9; -p keeps it from what the environment would have it do first.
      # shellcheck disable=SC2016 # the inner bash is to expand it
      exec setsid "$BASH" -p -c 'for f in /dev/fd/*; do f=${f:8}; ((f < 3)) || exec {f}>&-; done; "$@" &' \
        _ "$_queue_node" "$_queue_home/dist/queue-worker" run
    else
      exec "$_queue_node" "$_queue_home/dist/queue-worker" start
    fi
  ) </dev/null >/dev/null 2>&1
  return 0
}

# Claims the start of these 5 s by creating its note. A spool without .tmp gets it first.
_queue_claim_start() {
  local _queue_claimed='' _queue_mask
  [[ -d $_queue_dir/.tmp ]] || _queue_make_directories
  builtin mapfile -t -s 1 -n 1 _queue_mask </proc/self/status
  [[ $_queue_mask == Umask:* ]] || _queue_ask_umask
  builtin umask 077
  { _queue_claimed=yes; } >"$_queue_dir/.tmp/start-$((EPOCHSECONDS / 5))"
  builtin umask "${_queue_mask:7}"
  [[ $_queue_claimed == yes ]]
} 2>/dev/null

# Sets _queue_home to the package's directory and _queue_node to the path of Node, empty when there is none.
_queue_find_node() {
  local _queue_file=$_queue_self
  [[ ! -L $_queue_file ]] || _queue_file=$(exec readlink -f -- "$_queue_file")
  _queue_home=${_queue_file%"/"*}/..
  [[ -f $_queue_home/dist/queue-write || ${QUEUE_HOME-} == '' ]] || _queue_home=$QUEUE_HOME
  _queue_node=${QUEUE_NODE:-$_queue_home/node_modules/node/bin/node}
  [[ ${QUEUE_NODE-} != '' || -x $_queue_node ]] || _queue_node=node
  _queue_node=$(builtin type -P -- "$_queue_node")
}

# Node is to see what we see, exported or not. Only ever called in a subshell.
_queue_export() {
  builtin export PWD CLAUDE_PROJECT_DIR HIVE_DB USE_QUEUE "${!QUEUE_@}" "${!SQLITE_@}"
} 2>/dev/null

# Gives the write to Node, with the arguments of queue_db_write, and returns what Node returns.
_queue_hand_over() {
  local _queue_home _queue_node _queue_param _queue_status
  local -a _queue_list=(--args0 -o "${2:-write}" -p "${3:-5}" -m "${4:-"{}"}")
  [[ $_queue_db == '' ]] || _queue_list+=(--db "$_queue_db")
  [[ $_queue_print == '' ]] || _queue_list+=(--print)
  for _queue_param in "${@:5}"; do _queue_list+=(--param "$_queue_param"); done
  _queue_find_node
  if [[ $_queue_node == '' ]]; then
    _queue_complain 'not written: this needs Node, and node is not found; put it on PATH or set QUEUE_NODE'
    return 1
  fi
  set +o pipefail
  builtin printf '%s\0' "${_queue_list[@]:1}" -- "$1" 2>/dev/null | (
    _queue_export
    [[ $_queue_print != '' ]] || exec >/dev/null
    exec "$_queue_node" "$_queue_home/dist/queue-write" --args0
  )
  _queue_status=$?
  ((_queue_status <= 2)) || _queue_status=1
  return "$_queue_status"
}

queue_read_stdin() {
  local -
  set +aekuvxET
  if [[ ${1-} == '' || $1 == [0123456789]* || $1 == _queue_* || $1 == *[!$_queue_word]* ]]; then
    builtin printf 'queue_read_stdin: not a name for a variable: %s\n' "${1-}" >&2
    return 2
  fi
  _queue_slurp "$1" 2>/dev/null
}

# In bytes, where LC_ALL is not readonly: characters are read one at a time.
_queue_slurp() {
  local _queue_whole='' _queue_text=''
  [[ ${LC_ALL-} == C ]] || local LC_ALL=C
  while builtin read -r -N 16777216 _queue_text; do _queue_whole+=$_queue_text; done
  builtin printf -v "$1" '%s' "$_queue_whole$_queue_text"
}

# Runs the function $1 with the other arguments, options in hand and the spool found.
_queue_with_spool() {
  local -
  set -C +aekuvxET
  local _queue_dir _queue_target _queue_text
  _queue_find_spool
  "$@"
}

queue_init_dirs() { _queue_with_spool _queue_make_spool; }
queue_is_available() { _queue_with_spool _queue_is_writable; }
queue_size() { _queue_with_spool _queue_count_names pending; }
queue_processing_count() { _queue_with_spool _queue_count_in_hand; }
queue_worker_is_running() { _queue_with_spool _queue_is_alive; }
queue_ensure_worker() { _queue_with_spool _queue_ensure_worker; }
queue_stats_get() { _queue_call queue-status --json; }
queue_stop_worker() { _queue_call queue-worker stop >/dev/null; }

_queue_make_spool() {
  [[ -d $_queue_dir/.tmp ]] || _queue_make_directories
  _queue_check_spool
}

_queue_is_writable() {
  local _queue_metadata={}
  _queue_is_for_bash && [[ -d $_queue_dir/pending && -w $_queue_dir/pending ]] && _queue_check_spool
}

_queue_ensure_worker() {
  _queue_is_alive || { _queue_make_spool && _queue_start_worker; }
}

# The worker's manifest names what it has in hand; other files in processing/ are orphans of older tools.
_queue_count_in_hand() {
  local _queue_count _queue_name
  local -a _queue_names=()
  _queue_count=$(_queue_count_names processing)
  [[ ! -f $_queue_dir/processing/batch ]] || builtin mapfile -t _queue_names <"$_queue_dir/processing/batch"
  for _queue_name in "${_queue_names[@]}"; do
    [[ $_queue_name != [01][0123456789]_*.json ]] || ((_queue_count += 1))
  done
  builtin printf '%s\n' "$_queue_count"
}

# Prints how many entry files the directory holds. In a subshell, for it needs globbing to its own taste.
_queue_count_names() (
  set +f
  shopt -u failglob nocaseglob
  shopt -s nullglob
  GLOBIGNORE=''
  set -- "$_queue_dir/$1"/[01][0123456789]_*.json
  builtin printf '%s\n' "$#"
)

# Runs the executable $1 with the other arguments.
_queue_call() {
  local -
  set +aekuvxET
  local _queue_home _queue_node
  _queue_find_node
  if [[ $_queue_node == '' ]]; then
    builtin printf '%s: node is not found; put it on PATH or set QUEUE_NODE\n' "$1" >&2
    return 1
  fi
  (
    _queue_export
    exec "$_queue_node" "$_queue_home/dist/$1" "${@:2}"
  )
}
