#!/bin/bash
source "$(dirname "$0")/serving.bash"

"$bin/process_pipeline" >"$work/out" 2>"$work/err"
expect "output" "$(cat "$work/out")" $'99997\n99987\n99979'
expect "statuses" "$(tail -n 1 "$work/err")" "head -n 3: 0"

"$bin/process_pipeline" "seq 10" "sort -n -r" "head -n 1" >"$work/out" 2>"$work/err"
expect "output" "$(cat "$work/out")" 10
expect "lines of statuses" "$(wc -l <"$work/err")" 3

"$bin/process_pipeline" "ls /no/such/file" "wc -l" >"$work/out" 2>"$work/err"
expect "output" "$(cat "$work/out")" 0
grep -q '^ls /no/such/file: 2$' "$work/err" || fail "$(cat "$work/err")"

refuses "no-such-program: No such file" process_pipeline "no-such-program x"
