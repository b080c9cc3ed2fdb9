#!/bin/bash
# Crawls a small site with everything in it that goes wrong on large ones.
source "$(dirname "$0")/serving.bash"

cat >"$work/site.py" <<'PYTHON'
import http.server, sys

def link(to):
    return f'<p><a href="{to}">x</a>'

pages = {  # target: status, Location, body
    "/start.html": (200, None, """<!doctype html><title><a href="in_title.html"></title>
        <!-- <a href="in_comment.html"> --> <script>"<a href='in_script.html'>"</script> <style><a href="in_style.html"></style>
        <a href="loop1.html">1</a> <A HREF = 'loop1.html#fragment'>again</A> <a href=./sub/../loop1.html>and again</a>
        <a href="#top">here</a> <a href="">here</a> <a name="no_href"> <a title="<a href='in_attribute.html'>" href="quoted.html">
        <a href="http://other.invalid/page.html">off site</a> <a href="//other.invalid/page.html"> <a href="mailto:a@b.c">
        <a href="https://127.0.0.1/page.html"> <a href="http://127.0.0.1:1/page.html"> <a href="javascript:void(0)">
        <a href="caf\u00e9.html">not ASCII</a> <a href="caf%c3%a9.html">the same</a>
        <a href=" spaces in it.html ">spaces</a> <a href="100%.html">stray percent</a> <a href="sub/a[1].html">brackets</a>
        <a href="query?a=1&amp;b=%26">query</a> <a href="query?a=1&b=%26">the same</a> <a href="query?a=2">another</a>
        <map><area href="area.html"></map> <iframe src="frame.html"><a href="in_iframe.html"></iframe>
        <a href="missing.html"> <a href="broken.html"> <a href="cut.html"> <a href="moved"> <a href="moved_away">
        <a href="/../above.html"> <a href="based/page.html"> <a href="picture.svg"> <a href=unquoted.html>
        <a href="late.html" """),
    "/loop1.html": (200, None, link("loop2.html")),
    "/loop2.html": (200, None, link("loop1.html") + link("start.html") + link("missing.html")),
    "/quoted.html": (200, None, ""),
    "/caf%C3%A9.html": (200, None, ""),
    "/spaces%20in%20it.html": (200, None, ""),
    "/100%25.html": (200, None, ""),
    "/sub/a%5B1%5D.html": (200, None, ""),
    "/query?a=1&b=%26": (200, None, link("?a=3")),
    "/query?a=2": (200, None, ""),
    "/query?a=3": (200, None, ""),
    "/area.html": (200, None, ""),
    "/frame.html": (200, None, ""),
    "/broken.html": (503, None, ""),
    "/moved": (301, "/target.html", ""),
    "/moved_away": (302, "http://other.invalid/", ""),
    "/target.html": (200, None, ""),
    "/above.html": (200, None, ""),
    "/based/page.html": (200, None, '<base href="/other/">' + link("below.html")),
    "/other/below.html": (200, None, ""),
    "/picture.svg": (200, None, '<a href="in_picture.html">'),
    "/unquoted.html": (200, None, ""),
}

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, location, text = pages.get(self.path, (404, None, "nothing"))
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "image/svg+xml" if self.path.endswith("svg") else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body) + (10 if self.path == "/cut.html" else 0)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/cut.html":
            self.close_connection = True

    def log_message(self, format, *args):
        print(self.path, file=log, flush=True)

pages["/cut.html"] = (200, None, "cut")
log = open(sys.argv[1], "w")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
PYTHON

launch python3 "$work/site.py" "$work/log"
site=http://$address

cat >"$work/expected" <<PAGES
$site/100%25.html
$site/above.html
$site/area.html
$site/based/page.html
$site/caf%C3%A9.html
$site/frame.html
$site/loop1.html
$site/loop2.html
$site/other/below.html
$site/picture.svg
$site/query?a=1&b=%26
$site/query?a=2
$site/query?a=3
$site/quoted.html
$site/spaces%20in%20it.html
$site/start.html
$site/sub/a%5B1%5D.html
$site/target.html
$site/unquoted.html
PAGES

for connections in 1 8; do
    : >"$work/log"
    "$bin/crawler" "$site/start.html" --retries 0 --connections "$connections" --list "$work/list" >"$work/summary" 2>"$work/progress"
    cat "$work/summary"
    diff "$work/expected" "$work/list" || fail "not the pages there are, with $connections connections"
    # The cut one is asked for again, on a new connection.
    expect "fetched twice" "$(sort "$work/log" | uniq -d | grep -v /cut.html)" ""
    grep -q '^19 pages, ' "$work/summary" || fail "not 19 pages"
    grep -q '^latency: p50 .* ms, p99 .* ms$' "$work/summary" || fail "no latencies"
    grep -q '^redirects: 2$' "$work/summary" || fail "not 2 redirects"
    grep -q '1 x status 503$' "$work/summary" || fail "no 503"
    expect "kinds of errors" "$(grep -c ' x ' "$work/summary")" 2
    grep -q '^dead links: 1$' "$work/summary" || fail "not 1 dead link"
    grep -q "404 $site/missing.html on $site/" "$work/summary" || fail "the dead link is not named"
    expect "progress without a terminal" "$(cat "$work/progress")" ""
done

# --- how it ends -------------------------------------------------------------------------------------

# ends STATUS ARGUMENTS...: the crawler ends with it; $work/summary is what it said.
ends() {
    local status=0
    "$bin/crawler" "$site/start.html" --retries 0 "${@:2}" >"$work/summary" 2>&1 || status=$?
    expect "status with ${*:2}" "$status" "$1"
}
ends 3 --max-pages 18
ends 0 --max-pages 19
ends 3 --max-urls 3
grep -q '^links dropped, .*: [1-9]' "$work/summary" || fail "dropped links are not told: $(cat "$work/summary")"
ends 0 --help
for wrong in "--max-pages -1" "--max-bytes -1" "--max-depth -1" "--timeout nan" "--delay nan" "--lease 0" "--colour red"; do
    # shellcheck disable=SC2086
    ends 1 $wrong
done
ends 1 --scope galaxy
grep -q '{host,prefix,domain,any}' "$work/summary" || fail "not the scopes there are: $(cat "$work/summary")"
[[ $("$bin/crawler" "$site/start.html" --max-pages 1 2>&1 >/dev/full) == *"standard output"* ]] || fail "a full disk is not told"

# --- files that cannot be, before anything is fetched ------------------------------------------------

: >"$work/log"
for option in --report --list; do
    # Nobody, not even root, makes a file in there, though there are some that can be written.
    refuses "/proc/self/comm: [^;]*$" crawler "$site/start.html" $option /proc/self/comm
    refuses "$work: Is a directory" crawler "$site/start.html" $option "$work"
    refuses "$work/same: is given for two things" crawler "$site/start.html" --state "$work/same" $option "$work/./same"
done
expect "pages asked for" "$(cat "$work/log")" ""
[[ ! -e $work/same ]] || fail "a state for two things"
refuses "$site/none.html: status 404" crawler "$site/none.html" --report "$work/report"
[[ ! -e $work/report ]] || fail "an empty report"

refuses "ftp://x/.*is not a URL like http://" crawler ftp://x/
refuses "$site/none.html: status 404" crawler "$site/none.html"
refuses "127.0.0.1:1/: Connection refused" crawler http://127.0.0.1:1/ --retries 0
refuses "$work/none/list.*No such file" crawler "$site/start.html" --list "$work/none/list"
refuses "--connections" crawler "$site/start.html" --connections 0
refuses "URL is required" crawler
for type in html '*/*' text/ 'text/html; charset=utf-8'; do
    refuses "'${type//\*/.}' is not like text/html" crawler "$site/start.html" --content-type "$type"
done
