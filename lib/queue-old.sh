# shellcheck shell=sh
#
# The functions of queue-lib.sh for bash older than 5 and for other shells, which have not the builtins for them:
# they run the executables. queue-lib.sh reads this file and sets _queue_home, the package's directory.

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
    case $_queue_param in
      *=* | '@-') ;;
      *@-)
        _queue_name=${_queue_param%@-}
        if [ -n "${_queue_peeked-}" ]; then
          _queue_param=${_queue_peeked#x}
        else
          queue_read_stdin _queue_param
        fi
        _queue_param=$_queue_name=$_queue_param
        ;;
    esac
    set -- "$@" --param "$_queue_param"
    shift
  done
  [ -z "${QUEUE_SCHEMA-}" ] || set -- "$@" --schema "$QUEUE_SCHEMA"
  set -- -o "$_queue_operation" -p "$_queue_priority" -m "$_queue_metadata" "$@" -- "$_queue_sql"
  _queue_param="$*"
  # One argument may have 128 KB; a character may have 4 bytes.
  if [ ${#_queue_param} -lt 30000 ]; then
    _queue_run queue-write "$@"
  else
    printf '%s\0' "$@" | _queue_run queue-write --args0
  fi
}

_queue_is_variable() {
  case $1 in
    '' | [0-9]* | *[!A-Za-z0-9_]*)
      printf '%s: not a name for a variable: %s\n' "$2" "$1" >&2
      return 2
      ;;
  esac
}

queue_read_stdin() {
  _queue_is_variable "${1-}" queue_read_stdin || return
  # The x keeps the final newlines.
  _queue_input=$(
    cat 2>/dev/null
    printf x
  )
  eval "$1=\${_queue_input%x}"
  unset _queue_input
}

# All of it: there is no reading of a part without a process.
queue_peek_stdin() {
  _queue_is_variable "${1-}" queue_peek_stdin || return
  if [ -z "${_queue_peeked-}" ]; then
    queue_read_stdin _queue_peeked
    _queue_peeked=x$_queue_peeked
  fi
  eval "$1=\${_queue_peeked#x}"
}

queue_find_spool() {
  _queue_is_variable "${1-}" queue_find_spool || return
  _queue_base=$(_queue_run queue-status --json | sed -n 's/^ *"spool": *"\(.*\)",*$/\1/p' | sed 's/\\\(["\\]\)/\1/g' | head -n 1)
  eval "$1=\$_queue_base"
}

queue_insert() {
  if [ -z "${1-}" ] || [ -z "${2-}" ]; then
    printf 'queue_insert: TABLE or JSON is missing\n' >&2
    return 2
  fi
  queue_db_write "CALL queue_insert(:table, :data${3:+, :source}${4:+, :hash_fields})" insert 5 '{}' \
    "table=$1" "data=$2" ${3:+"source=$3"} ${4:+"hash_fields=$4"}
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
