#!/usr/bin/env bash
# Times bash functions, interleaved: driver.sh CASES SAMPLES ROUNDS GAP
#
# CASES is a bash file that defines the array `cases` (function names), the associative array `every` (a function
# runs in every n-th round) and the functions. In each round they run one after the other, with GAP seconds between
# them; the clock is bash's own EPOCHREALTIME, read immediately before and after the call. SAMPLES gets a line
# `FUNCTION START END STATUS` for each, times in microseconds; it is written outside of what is timed.
LC_NUMERIC=C
declare -a cases=()
declare -A every=()
# shellcheck source=/dev/null
. "$1"
exec 3>"$2" </dev/null >/dev/null
# A descriptor that never has anything to read: `read -t` on it waits without a process.
exec {quiet}<> <(:)
for ((round = 0; round < $3; round++)); do
  for name in "${cases[@]}"; do
    ((round % ${every[$name]} == 0)) || continue
    [[ $4 == 0 ]] || read -r -t "$4" -u "$quiet" _
    start=$EPOCHREALTIME
    "$name"
    status=$?
    end=$EPOCHREALTIME
    printf '%s %s %s %s\n' "$name" "${start/./}" "${end/./}" "$status" >&3
  done
done
