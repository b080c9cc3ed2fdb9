#!/bin/bash
source "$(dirname "$0")/serving.bash"

"$bin/cpu_offload" --limit 200000 >"$work/out"
cat "$work/out"
expect "counts of the 17984 primes" "$(grep -c ' 17984 primes in ' "$work/out")" 3
grep -q '^offloaded: .* times as fast, on [0-9]* cores$' "$work/out" || fail "no comparison"
refuses "--limit" cpu_offload --limit 0
