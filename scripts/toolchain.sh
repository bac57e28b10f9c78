# shellcheck shell=bash
# Sourced by setup, test and quickstart: puts the Node, the npm packages and the programs they need in place.
# Written for bash 3.2 as well, which is what macOS has.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root

readonly node_wanted=22 # what package.json says under engines
readonly node_for_npm=18

die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 1
}

# Runs a command silently. When it fails, waits a moment and tries again, three times in all: registries and mirrors
# have bad moments. After the last failure shows the end of what the command printed.
persistently() {
  local try log
  log=$(mktemp "${TMPDIR:-/tmp}/hookspool-setup.XXXXXX")
  for try in 1 2 3; do
    if "$@" >"$log" 2>&1; then
      rm -f "$log"
      return 0
    fi
    ((try == 3)) || sleep $((try * 3))
  done
  # npm follows its error with pages of usage, and the first lines are what matters; of apt it is the last.
  if [[ $1 == npm ]]; then head -n 12 "$log" >&2; else tail -n 12 "$log" >&2; fi
  rm -f "$log"
  return 1
}

node_major() {
  node -p 'process.versions.node.split(".")[0]'
}

# Installs the npm packages that package-lock.json names, unless they are there, and puts them on PATH.
# From here on `node` is one that runs hookspool: the system's, or where that is too old the packaged one.
use_packages() {
  local stamp=$root/node_modules/.setup-lock bin=$root/node_modules/.bin major
  local -a options=(--no-audit --no-fund --include=dev --loglevel=error)

  # `npm test` has put the packaged Node first on PATH; the question here is what the system has.
  PATH=:$PATH:
  PATH=${PATH//":$bin:"/:}
  PATH=${PATH#:}
  PATH=${PATH%:}
  command -v node >/dev/null || die "Node.js is missing: install version $node_wanted or newer (nodejs.org, or your package manager)"
  command -v npm >/dev/null || die "npm is missing: it comes with Node.js, in some distributions as a package of its own"
  major=$(node_major) || die "$(command -v node) does not run"
  ((major >= node_for_npm)) ||
    die "Node.js $major is too old even to install with: version $node_for_npm is needed for that, $node_wanted to run without a second Node.js"

  # The only install script that matters is the one that fetches a newer Node.
  ((major < node_wanted)) || options+=(--ignore-scripts)

  # Compared by content: a checkout gives files any date. The copy is written last, so that an install which was cut
  # short is not taken for a whole one.
  if ! cmp -s "$root/package-lock.json" "$stamp" || { ((major < node_wanted)) && ! "$bin/node" -e 0 2>/dev/null; }; then
    printf 'Installing the npm packages (once, takes under a minute) ...\n'
    (cd "$root" && persistently npm ci "${options[@]}") || die "'npm ci' failed in $root"
    cp "$root/package-lock.json" "$stamp"
  fi

  PATH=$bin:$PATH
  hash -r
  major=$(node_major) || die "the packaged Node.js ($bin/node) does not run: remove $root/node_modules and try again"
  ((major >= node_wanted)) || die "the packaged Node.js is version $major, not $node_wanted or newer"
}

# use_programs NAME... installs the named programs where they are missing; each is in a Debian package of its name.
use_programs() {
  local name
  local -a missing=() sudo=() apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
  for name; do
    command -v "$name" >/dev/null || missing+=("$name")
  done
  ((${#missing[@]})) || return 0

  command -v apt-get >/dev/null || die "missing: ${missing[*]}. Install them with your package manager."
  if ((EUID)); then
    sudo -n true 2>/dev/null || die "missing: ${missing[*]}. Install them: sudo apt-get install ${missing[*]}"
    sudo=(sudo -n)
  fi
  printf 'Installing %s ...\n' "${missing[*]}"
  # The package lists of a new machine are empty or old, so a first failure is no news.
  ${sudo[@]+"${sudo[@]}"} "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && return
  persistently ${sudo[@]+"${sudo[@]}"} "${apt[@]}" update || die "'apt-get update' failed"
  persistently ${sudo[@]+"${sudo[@]}"} "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
    die "'apt-get install ${missing[*]}' failed"
}

# Everything scripts/test needs beyond the npm packages.
use_test_programs() {
  local -a names=(shellcheck shfmt sqlite3 tmux)
  # strace shows what the tests of the bash path assert; only Linux has it.
  if [[ $(uname) == Linux ]]; then names+=(strace); fi
  use_programs "${names[@]}"
}
