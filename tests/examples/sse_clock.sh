#!/bin/bash
source "$(dirname "$0")/serving.bash"

start sse_clock --interval 1

# curl ends with head, which has seen enough.
events() {
    curl -sSN "$@" "http://$address/ticks" 2>/dev/null | head -8 || true
}
expect "two events" "$(events)" $'event: tick\nid: 1\ndata: 1\n\nevent: tick\nid: 2\ndata: 2'
expect "from there on" "$(events -H 'Last-Event-ID: 41')" $'event: tick\nid: 42\ndata: 42\n\nevent: tick\nid: 43\ndata: 43'
expect "type" "$(curl -sS -m 1 -o /dev/null -w '%{content_type}' "http://$address/ticks" 2>/dev/null || true)" text/event-stream
expect "page" "$(curl -sS -o "$work/page" -w '%{http_code} %{content_type}' "http://$address/")" "200 text/html; charset=utf-8"
grep -q "EventSource('/ticks')" "$work/page" || fail "the page does not listen"
stop TERM
