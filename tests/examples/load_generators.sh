#!/bin/bash
# Clients that others wrote, at full speed: every request gets its answer.
source "$(dirname "$0")/serving.bash"

start hello_server
requests=5000

h2load --h1 -n $requests -c 50 -m 1 "http://$address/" >"$work/h2load" || fail "h2load: $(cat "$work/h2load")"
expect "h2load" "$(grep '^requests:' "$work/h2load")" \
    "requests: $requests total, $requests started, $requests done, $requests succeeded, 0 failed, 0 errored, 0 timeout"

# with connections that are kept, and with one for each request
for kept in -k ''; do
    ab -q $kept -n $requests -c 50 "http://$address/" >"$work/ab" 2>&1 || fail "ab $kept: $(cat "$work/ab")"
    expect "ab $kept" "$(sed -n 's/^\(Complete requests\|Failed requests\|Non-2xx responses\): *//p' "$work/ab" | xargs)" \
        "$requests 0"
done
expect "kept connections" "$(ab -q -k -n 100 -c 1 "http://$address/" 2>&1 | sed -n 's/^Keep-Alive requests: *//p')" 100
stop TERM
