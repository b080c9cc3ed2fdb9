#!/bin/bash
source "$(dirname "$0")/serving.bash"

echo "before" >"$work/a"
echo "before" >"$work/b"
env --default-signal=INT "$bin/tail_f" "$work/a" "$work/b" >"$work/out" 2>"$work/err" &
server=$!

# awaits TEXT: until that is all it has printed.
awaits() {
    for _ in {1..200}; do
        [[ $(cat "$work/out") != "$1" ]] || return 0
        sleep 0.05
    done
    fail "got '$(cat "$work/out")', expected '$1'; $(cat "$work/err")"
}

awaits "following"
echo "one" >>"$work/a"
awaits $'following\none'
echo "two" >>"$work/b"
awaits $'following\none\ntwo'
echo "three" >>"$work/a"
awaits $'following\none\ntwo\nthree'

stop INT
refuses "/no/such/file: No such file" tail_f /no/such/file
