# shellcheck shell=bash
# shellcheck disable=SC2128,SC2178 # as in queue-lib.sh
# shellcheck disable=SC2154 # queue-lib.sh sets these
#
# What queue-lib.sh reads when it must: everything that most calls of queue_db_write do not come to. It shares the
# names, and the locals of queue_db_write, and redefines what stood for it there.

_queue_load() { :; }

# Everything before the number that _queue_prepare did not let pass. Returns 1 when nothing is left to do, with
# the status in _queue_text.
_queue_prepare_any() {
  local _queue_target _queue_schema _queue_metadata=${4:-"{}"}
  if ! _queue_check_arguments "$1" "${3:-5}" "${@:5}"; then
    _queue_text=2
    return 1
  fi
  _queue_values=''
  if _queue_is_for_bash && _queue_find_spool && _queue_check_spool && _queue_encode "$@"; then return 0; fi
  _queue_entry=''
  _queue_hand_over "$@"
  _queue_text=$?
  return 1
}

# Everything after the attempt to write, unless a worker is seen alive. _queue_text tells how that went.
_queue_finish() {
  local _queue_ties=$((_queue_ties + 1)) _queue_peeked=$_queue_peeked
  local _queue_file=$_queue_dir/pending/${_queue_pp}_$_queue_now.json
  if [[ $_queue_text == written ]]; then
    _queue_is_alive || _queue_start_worker
    return 0
  fi
  [[ $_queue_size == '' ]] || _queue_text=short _queue_made+=("$_queue_file")
  _queue_take_back || return
  # The name is taken: the next microsecond. Or the directory can't be written.
  if [[ $_queue_text == '{'* ]] && ((_queue_ties < 9)) && _queue_is_taken; then
    queue_db_write "$@"
    return
  fi
  _queue_entry=''
  _queue_hand_over "$@"
}

# 0 when there is something under the entry's name, or under that of one of its values.
_queue_is_taken() {
  local _queue_name
  [[ ! -e $_queue_file && ! -L $_queue_file ]] || return 0
  while [[ $_queue_values == *\"* ]]; do
    _queue_values=${_queue_values#*\"} _queue_name=${_queue_values%%\"*} _queue_values=${_queue_values#*\"}
    _queue_name=$_queue_dir/values/${_queue_file##*"/"}.$_queue_name
    [[ ! -e $_queue_name && ! -L $_queue_name ]] || return 0
  done
  return 1
}

# Removes what was written of an entry that did not come about. What was taken from stdin is as if peeked at;
# returns 1 when a part of it is lost.
_queue_take_back() {
  if [[ $_queue_stdin == /* ]]; then
    _queue_slurp _queue_head <"$_queue_stdin"
    _queue_head=${_queue_head%$'\n'} _queue_stdin=whole
  fi 2>/dev/null
  ((${#_queue_made[@]} < 2)) || (builtin exec rm -f -- "${_queue_made[@]:1}") 2>/dev/null
  if [[ $_queue_stdin == lost ]]; then
    _queue_complain 'not written: the spool took only a part of stdin; the disk may be full'
    return 1
  fi
  _queue_peeked=$_queue_stdin
}

_queue_complain() {
  builtin printf '%s: %s\n' "$_queue_who" "$1" >&2
}

# _queue_check_arguments SQL PRIORITY NAME=VALUE...: returns 1 when something is wrong; sets _queue_pp.
_queue_check_arguments() {
  local _queue_param _queue_name
  if [[ $1 != *[![:space:]]* ]]; then
    _queue_complain 'the SQL is empty'
    return 1
  fi
  _queue_pp=$2
  while [[ $_queue_pp == 0?* ]]; do _queue_pp=${_queue_pp#0}; done
  if [[ $_queue_pp != [123456789] && $_queue_pp != 10 ]]; then
    _queue_complain "the priority is '$2': it must be a whole number from 1 to 10"
    return 1
  fi
  [[ $_queue_pp == 10 ]] || _queue_pp=0$_queue_pp
  for _queue_param in "${@:3}"; do
    _queue_name=${_queue_param%%[=@]*}
    if [[ $_queue_param != "$_queue_name="* && $_queue_param != "$_queue_name@-" ||
      $_queue_name == '' || $_queue_name == [0123456789]* || $_queue_name == *[!$_queue_word]* ]]; then
      _queue_complain "a parameter is not NAME=VALUE or NAME@-, NAME of letters, digits and _: '${_queue_name:0:80}'"
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

# Sets _queue_dir and _queue_schema, and _queue_target when the entry is to name its database.
_queue_find_spool() {
  if [[ ${CLAUDE_PROJECT_DIR-} == /* ]]; then
    _queue_text=$CLAUDE_PROJECT_DIR
  else
    _queue_find_root || return
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
  _queue_schema=${QUEUE_SCHEMA-}
  [[ $_queue_schema == '' || $_queue_schema == /* ]] || _queue_schema=$_queue_text/$_queue_schema
  return 0
}

# Sets _queue_text to the project root.
_queue_find_root() {
  local _queue_here=$PWD
  # The caller may have set PWD to anything.
  [[ $PWD == /* && $PWD -ef . ]] || _queue_here=$(builtin pwd -P 2>/dev/null)
  # The working directory is gone: nobody means the root of all projects.
  [[ $_queue_here != '' || ${CLAUDE_PROJECT_DIR-} != '' ]] || return
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
  _queue_modes=$(exec ls -ld -- "$_queue_dir" "$_queue_dir/pending" 2>/dev/null)
  [[ $_queue_modes == d???--[-S]--[-T]*$'\n'd???--[-S]--[-T]* ]]
}

# Each directory on its own: `mkdir -p -m 700 a/b` would leave a open. One may be there, or just made by a
# sibling.
_queue_make_directories() (
  command mkdir -p -- "${_queue_dir%/*}"
  command mkdir -m 700 -- "$_queue_dir"
  # One that is refused gets nothing made in it.
  [[ -O $_queue_dir && ! -L $_queue_dir ]] || return
  cd -- "$_queue_dir" && command mkdir -m 700 pending processing completed failed values .tmp
) >/dev/null 2>&1

# Makes the text in _queue_text the inside of a JSON string. Returns 1 when Node has to do it.
_queue_escape() {
  [[ $_queue_text == *[!\ !#-[^-~\]]* ]] || return 0
  ((${#_queue_text} < 500000)) || return 1
  if ((${#_queue_text} > 1024)) || [[ $_queue_text == *[![:ascii:]]* ]]; then
    # Silent: setting back a locale that the system does not have prints a warning.
    _queue_escape_bytes "$_queue_text" 2>/dev/null
  else
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

# _queue_set_created by arithmetic: printf's %()T would need TZ, which is readonly. In 400 years (an era) are
# 146097 days; years begin in March here, so that the leap day is their last.
_queue_set_created_readonly() {
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
# as an old one: the clock was wrong then or is now. So is a zombie, which a killed worker stays in a container
# without an init; /proc/PID/stat tells where /proc/PID/exe is not ours to see, or there is no /proc.
_queue_is_alive() {
  local _queue_pid _queue_stat=''
  [[ -f $_queue_dir/worker.pid ]] && builtin mapfile -t -d ' ' -n 4 _queue_pid <"$_queue_dir/worker.pid" &&
    [[ $_queue_pid${_queue_pid[2]} == [123456789]*$'\n' ]] &&
    [[ $_queue_pid${_queue_pid[2]} != *[!0123456789$'\n']* ]] &&
    ((_queue_pid[2] -= EPOCHSECONDS, _queue_pid[2] < 30 && _queue_pid[2] > -30)) &&
    builtin kill -0 "$_queue_pid" || return
  # Fields 1 to 3 are PID, (NAME) and the state; the name may hold anything.
  [[ ! -f /proc/$_queue_pid/stat ]] || builtin read -r -d '' _queue_stat <"/proc/$_queue_pid/stat"
  [[ ${_queue_stat##*') '} != [ZX]* ]]
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

# Claims the start of these 5 s by creating its note. A spool without .tmp gets it first. Noclobber would not keep us
# from opening a FIFO, and from waiting there.
_queue_claim_start() {
  local _queue_claimed='' _queue_mask _queue_note
  [[ -d $_queue_dir/.tmp ]] || _queue_make_directories
  _queue_note=$_queue_dir/.tmp/start-$((EPOCHSECONDS / 5))
  [[ ! -L $_queue_dir/.tmp && ! -e $_queue_note ]] || return
  builtin mapfile -t -s 1 -n 1 _queue_mask </proc/self/status
  [[ $_queue_mask == Umask:* ]] || _queue_ask_umask
  builtin umask 077
  { _queue_claimed=yes; } >"$_queue_note"
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
  [[ ${QUEUE_SCHEMA-} == '' ]] || _queue_list+=(--schema "$QUEUE_SCHEMA")
  for _queue_param in "${@:5}"; do
    if [[ $_queue_param == *@- && $_queue_param != *=* ]]; then
      _queue_read_all || return
      _queue_param=${_queue_param%@-}=$_queue_head
    fi
    _queue_list+=(--param "$_queue_param")
  done
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

# Sets _queue_head to all of stdin. Returns 1 when an earlier write has taken it.
_queue_read_all() {
  if ! _queue_open_stdin; then
    _queue_complain 'not written: stdin is longer than 32 KB, and another write has taken it'
    return 1
  fi
  [[ $_queue_stdin == part ]] || return 0
  _queue_slurp _queue_json 2>/dev/null
  _queue_head+=$_queue_json _queue_stdin=whole
  [[ $_queue_peeked == '' ]] || _queue_peeked=whole
}

# BUILD: only for scripts that source it

# Runs the function $1 with the other arguments, options in hand and the spool found.
_queue_with_spool() {
  local -
  set -C +aekuvxET
  local _queue_dir _queue_target _queue_text
  _queue_find_spool || return
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
