#!/bin/bash
source "$(dirname "$0")/serving.bash"

site=$work/site
mkdir -p "$site/sub" "$site/naïve café"
printf '<p>top' >"$site/index.html"
printf '<p>sub' >"$site/sub/index.html"
printf 'body {}' >"$site/style.css"
printf 'odd' >"$site/naïve café/50% & more.txt"
: >"$site/empty"
head -c 3000000 /dev/urandom >"$site/big.png"
printf 'secret' >"$work/secret"

start static_server --root "$site"
url=http://$address

# get PATH FORMAT: what curl's --write-out says of the answer; its body goes to $work/body.
get() {
    curl -sS --path-as-is -o "$work/body" -w "$2" "$url$1"
}

expect "type of index.html" "$(get /index.html '%{http_code} %{content_type}')" "200 text/html; charset=utf-8"
expect "index of /" "$(get / '%{http_code}'):$(cat "$work/body")" "200:<p>top"
expect "index of /sub/" "$(get '/sub/?q=1' '%{http_code}'):$(cat "$work/body")" "200:<p>sub"
expect "a directory without its slash" "$(get /sub '%{http_code} %{redirect_url}')" "301 $url/sub/"
expect "css" "$(get /style.css '%{http_code} %{content_type}')" "200 text/css; charset=utf-8"
expect "percent-encoded" "$(get '/na%C3%AFve%20caf%c3%a9/50%25%20%26%20more.txt' '%{http_code}'):$(cat "$work/body")" "200:odd"
expect "empty file" "$(get /empty '%{http_code} %{size_download}')" "200 0"
expect "big file" "$(get /big.png '%{http_code} %{content_type}')" "200 image/png"
cmp "$work/body" "$site/big.png" || fail "the big file came back changed"

for path in /none /sub/none /style.css/ /../secret /sub/../../secret /%2e%2e/secret /sub/..%2f..%2fsecret /..%5csecret \
    //secret /%00 /%zz; do
    expect "$path" "$(get "$path" '%{http_code}')" 404
    ! grep -q secret "$work/body" || fail "$path escaped"
done

expect "HEAD" "$(curl -sSI "$url/big.png" | tr -d '\r' | grep -i '^content-length')" "Content-Length: 3000000"
expect "POST" "$(curl -sS -o /dev/null -w '%{http_code}' -d x "$url/index.html")" 405
expect "many at once" "$(seq 50 | xargs -P 10 -I{} curl -sS "$url/index.html" | grep -o top | wc -l)" 50

refuses_what_servers_refuse static_server --root "$site"
refuses "--root" static_server --port 0
refuses "--root.*$work/none" static_server --root "$work/none"
stop INT

start static_server --root "$site" --latency 300
took=$(curl -sS -o /dev/null -w '%{time_total}' "http://$address/index.html")
awk -v took="$took" 'BEGIN { exit !(took >= 0.3) }' || fail "--latency 300 answered after $took s"
stop TERM
