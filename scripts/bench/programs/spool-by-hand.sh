# shellcheck shell=bash
# A spool as people write it by hand: a mkdir lock for the number, jq for the JSON, mv to publish. For comparison.
spool_by_hand() {
  local sql=$1 operation=$2 priority=$3 try number file
  for ((try = 0; try < 100; try++)); do
    mkdir "$BY_HAND/.lock" 2>/dev/null && break
    sleep 0.01
  done
  number=$(($(cat "$BY_HAND/.seq" 2>/dev/null || echo 0) + 1))
  echo "$number" >"$BY_HAND/.seq"
  rmdir "$BY_HAND/.lock"
  file=$(printf '%02d_%010d.json' "$priority" "$number")
  jq -nc --arg sql "$sql" --arg operation "$operation" --argjson priority "$priority" \
    --arg at "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
    '{sql: $sql, operation: $operation, priority: $priority, created_at: $at}' >"$BY_HAND/.tmp-$$"
  mv "$BY_HAND/.tmp-$$" "$BY_HAND/pending/$file"
}
