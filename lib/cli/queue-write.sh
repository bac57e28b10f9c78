# shellcheck shell=bash
# shellcheck disable=SC2154 # lib/queue-lib.sh sets _queue_word and _queue_entry
#
# The bash half of dist/queue-write. The build puts it before the JavaScript, with the parts of lib/queue-lib.sh
# and lib/queue-rest.sh where BUILD says so. Bash parses a file command by command, and parsing all of this costs
# twice what bash itself does; so the common call comes first and exits, and its functions read the rest when they
# turn out to need it.
#
# What this does not know goes to Node, with the same arguments: options of Node's alone, a wrong number of
# arguments. That is decided before anything is read or written.

if ((${#BASH_SOURCE[@]} == 1)); then
  _queue_self=$0 _queue_who=queue-write
  # BUILD: what dist/queue-write always reads

  # shellcheck source=/dev/null # this very file
  _queue_prepare() { . "$0" && _queue_prepare "$@"; }
  # shellcheck source=/dev/null
  _queue_finish() { . "$0" && _queue_finish "$@"; }
  _queue_correct_number() { return 1; }
  _queue_ask_umask() { _queue_mask="Umask: $(umask)"; }

  # SQL [OPERATION [PRIORITY [METADATA]]], nothing of it like an option.
  if ((BASH_VERSINFO[0] > 4 && $# < 5)) &&
    [[ ${1--} != -* && ${2-} != -* && ${3-} != -* && ${4-} != -* ]]; then
    queue_db_write "$@"
    exit
  fi
fi

# Becomes Node: $QUEUE_NODE, the one installed for development, the one on PATH.
_queue_become_node() {
  # BUILD: become Node
  return
}

# Older versions can't parse what follows.
((BASH_VERSINFO[0] > 4)) || _queue_become_node "$@"

# BUILD: what it reads when it must
# BUILD: queue-rest.sh

((${#BASH_SOURCE[@]} == 1)) || return 0

# Sets _queue_parsed to the arguments of queue_db_write and _queue_from_stdin to the parameter that stdin becomes.
# Returns 1 when Node is to parse the command line.
_queue_parse() {
  local _queue_operation='' _queue_priority='' _queue_metadata=''
  local -a _queue_params=() _queue_words=()
  while (($#)); do
    case $1 in
      --)
        _queue_words+=("${@:2}")
        break
        ;;
      --print)
        _queue_print=yes
        shift
        continue
        ;;
      --operation=?* | --priority=?* | --metadata=?* | --param=?* | --stdin=?* | --db=?*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        ;;
      -o | -p | -m | --operation | --priority | --metadata | --param | --stdin | --db)
        # A value that is missing, empty or like an option: Node says what is wrong with it.
        [[ ${2-} == ?* && $2 != -* ]] || return
        ;;
      -?*) return 1 ;;
      *)
        _queue_words+=("$1")
        shift
        continue
        ;;
    esac
    case $1 in
      -o | --operation) _queue_operation=$2 ;;
      -p | --priority) _queue_priority=$2 ;;
      -m | --metadata) _queue_metadata=$2 ;;
      --param) _queue_params+=("$2") ;;
      --stdin) _queue_from_stdin=$2 ;;
      --db)
        # Of a URL Node sees to what an entry may hold of it.
        [[ $2 != *://* ]] || return
        _queue_db=$2
        ;;
    esac
    shift 2
  done
  ((${#_queue_words[@]} >= 1 && ${#_queue_words[@]} <= 4)) || return
  [[ ${_queue_from_stdin-x} != [0123456789]* && ${_queue_from_stdin-x} != *[!$_queue_word]* ]] || return
  _queue_parsed=(
    "${_queue_words[0]}" "${_queue_operation:-${_queue_words[1]-}}" "${_queue_priority:-${_queue_words[2]-}}"
    "${_queue_metadata:-${_queue_words[3]-}}" "${_queue_params[@]}"
  )
}

unset -v _queue_from_stdin
if _queue_parse "$@"; then
  [[ ! ${_queue_from_stdin+set} ]] || _queue_parsed+=("$_queue_from_stdin@-")
  queue_db_write "${_queue_parsed[@]}"
  _queue_status=$?
  if [[ $_queue_print != '' && $_queue_entry != '' ]]; then printf '%s\n' "$_queue_entry"; fi
  exit "$_queue_status"
fi
_queue_become_node "$@"
