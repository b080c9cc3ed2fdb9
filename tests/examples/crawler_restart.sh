#!/bin/bash
# Crawls that are killed, stopped and shared: all pages are there in the end, and none is twice.
source "$(dirname "$0")/serving.bash"

pages=1000
python3 - "$work/site" $pages <<'PYTHON'
import os, sys
site, n = sys.argv[1], int(sys.argv[2])
os.mkdir(site)
for i in range(n):
    links = "".join(f'<a href="{j}.html">x</a>' for j in (3 * i + 1, 3 * i + 2, 3 * i + 3, i // 2) if j < n)
    open(f"{site}/{i}.html", "w").write(links)
PYTHON
start static_server --root "$work/site" --latency 20
site=http://$address
seq 0 $((pages - 1)) | sed "s|.*|$site/&.html|" | sort >"$work/expected"

stop_children() {
    local running
    mapfile -t running < <(jobs -p)
    kill -KILL "${running[@]}" || true
    wait "${running[@]}" || true
    server=
    clean_up
} 2>/dev/null
trap stop_children EXIT

# crawl ARGUMENTS...: begins one in the background; $crawler is its process.
crawl() {
    env --default-signal=INT "$bin/crawler" "$site/0.html" "$@" >>"$work/crawler.out" 2>>"$work/crawler.err" &
    crawler=$!
}

# await_lines FILE N: until the file has so many lines, which is in the middle of a crawl.
await_lines() {
    for _ in {1..1000}; do
        [[ ! -e $1 ]] || (($(wc -l <"$1") < $2)) || return 0
        sleep 0.01
    done
    fail "$1 does not grow: $(cat "$work/crawler.err")"
}

# ends PROCESS STATUS: waits for it.
ends() {
    local status=0
    wait "$1" 2>/dev/null || status=$?
    expect "status; $(tail -1 "$work/crawler.err")" "$status" "$2"
}

# require_all FILE...: together they have each page once.
require_all() {
    cat "$@" | sort >"$work/found"
    diff "$work/expected" "$work/found" >"$work/diff" || fail "not each page once: $(head -5 "$work/diff")"
}

# warc_pages FILE: the pages whose answers a WARC file has.
warc_pages() {
    python3 - "$1" <<'PYTHON'
import gzip, sys
with gzip.open(sys.argv[1]) as warc:
    while line := warc.readline():
        assert line == b"WARC/1.1\r\n", line
        head = dict(h.decode().strip().split(": ", 1) for h in iter(warc.readline, b"\r\n"))
        warc.read(int(head["Content-Length"]))
        assert warc.read(4) == b"\r\n\r\n"
        if head["WARC-Type"] == "response": print(head["WARC-Target-URI"])
PYTHON
}

# --- one crawler and its state: killed, stopped, finished -------------------------------------------

state=(--state "$work/state" --list "$work/list" --warc "$work/warc.gz" --db "$work/db")
for lines in 100 250; do
    crawl "${state[@]}"
    await_lines "$work/list" $lines
    kill -KILL "$crawler"
    ends "$crawler" 137
done
crawl "${state[@]}" --max-pages 100
ends "$crawler" 3
had=$(wc -l <"$work/list")
crawl "${state[@]}" --report "$work/report.html"
await_lines "$work/list" $((had + 50))
kill -INT "$crawler"
ends "$crawler" 130
grep -q '</html>' "$work/report.html" || fail "no report after SIGINT"
(($(wc -l <"$work/list") < pages)) || fail "the crawl was over before it was stopped"

crawl "${state[@]}"
ends "$crawler" 0
require_all "$work/list"
warc_pages "$work/warc.gz" >"$work/in_warc"
require_all "$work/in_warc"
python3 -c 'import sqlite3, sys
for url, in sqlite3.connect(sys.argv[1]).execute("SELECT url FROM page WHERE outcome = ?", ("fetched",)): print(url)' \
    "$work/db" >"$work/in_db"
require_all "$work/in_db"

# Once more: nothing is left to do. And a file of another crawl is not touched.
"$bin/crawler" "$site/0.html" "${state[@]}" | grep -q '^0 pages, ' || fail "it crawled again"
refuses "warc.gz: exists, and is not of this crawl" crawler "$site/0.html" --warc "$work/warc.gz"

# --- two crawlers and a Redis, one killed -----------------------------------------------------------

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --save "" --dir "$work" --logfile "$work/redis.log" >/dev/null &
for _ in {1..200}; do
    if redis-cli -p "$port" ping >/dev/null 2>&1; then break; fi
    sleep 0.05
done
shared=(--frontier "redis://127.0.0.1:$port" --lease 2 --connections 8)
crawl "${shared[@]}" --list "$work/one" --warc "$work/one.warc.gz"
killed=$crawler
crawl "${shared[@]}" --list "$work/two"
survivor=$crawler
await_lines "$work/one" 50
await_lines "$work/two" 50
kill -KILL "$killed"
ends "$killed" 137
ends "$survivor" 0
# What the dead one wrote and did not commit is cut off when it comes back.
crawl "${shared[@]}" --list "$work/one" --warc "$work/one.warc.gz"
ends "$crawler" 0
require_all "$work/one" "$work/two"
warc_pages "$work/one.warc.gz" >"$work/in_warc"
require_all "$work/in_warc" "$work/two"

# --- what it says ------------------------------------------------------------------------------------

"$bin/crawler" "$site/0.html" --json-lines --max-depth 1 >"$work/json"
python3 -c 'import json, sys
pages = [json.loads(line) for line in open(sys.argv[1])]
assert sorted(p["depth"] for p in pages) == [0, 1, 1, 1], pages
assert all(p["status"] == 200 and p["type"].startswith("text/html") and p["bytes"] > 0 for p in pages), pages' "$work/json"
expect "quiet" "$("$bin/crawler" "$site/0.html" --max-depth 1 --quiet 2>&1)" ""
refuses "redis://h/x.*is not a URL like redis://" crawler "$site/0.html" --frontier redis://h/x
refuses "--state" crawler "$site/0.html" --state a --frontier redis://h
refuses "'(' is not a regular expression" crawler "$site/0.html" --include '('
refuses "--scope" crawler "$site/0.html" --scope galaxy
