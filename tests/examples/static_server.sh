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

start static_server --root "$site" --compress
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
    //secret /%00; do
    expect "$path" "$(get "$path" '%{http_code}')" 404
    ! grep -q secret "$work/body" || fail "$path escaped"
done

expect "no path at all" "$(get /%zz '%{http_code}')" 400

expect "HEAD" "$(curl -sSI "$url/big.png" | tr -d '\r' | grep -i '^content-length')" "Content-Length: 3000000"
expect "POST" "$(curl -sS -o /dev/null -w '%{http_code}' -d x "$url/index.html")" 405
expect "many at once" "$(seq 50 | xargs -P 10 -I{} curl -sS "$url/index.html" | grep -o top | wc -l)" 50

expect "a range" "$(curl -sS -r 2-3 "$url/index.html" -w ' %{http_code}')" ">t 206"
etag=$(curl -sSI "$url/index.html" | tr -d '\r' | sed -n 's/^ETag: //p')
expect "not modified" "$(get /index.html '%{http_code}'; curl -sS -H "If-None-Match: $etag" -o /dev/null -w ' %{http_code}' "$url/index.html")" \
    "200 304"
seq 10000 >"$site/long.txt"
curl -sS --compressed "$url/long.txt" | cmp - "$site/long.txt" || fail "the compressed file came back changed"
(($(curl -sS --compressed -o /dev/null -w '%{size_download}' "$url/long.txt") < 25000)) || fail "nothing was compressed"

# wget goes on where it was interrupted, and fetches what is newer than its own only.
head -c 1000000 "$site/big.png" >"$work/big.png"
wget -q -c -P "$work" "$url/big.png"
cmp "$work/big.png" "$site/big.png" || fail "wget -c"
before=$(stat -c %i:%Z "$work/big.png")
wget -q -N -P "$work" "$url/big.png"
expect "wget -N" "$(stat -c %i:%Z "$work/big.png")" "$before"
wget -q -r -nH -P "$work/mirror" "$url/"
cmp "$work/mirror/index.html" "$site/index.html" || fail "wget -r"

refuses_what_servers_refuse static_server --root "$site"
refuses "--root" static_server --port 0
refuses "--root.*$work/none" static_server --root "$work/none"
stop INT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/key" -out "$work/certificate" \
    -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -days 2 2>/dev/null
cat "$work/key" >>"$work/certificate"
start static_server --root "$site" --certificate "$work/certificate" --listing --access-log "$work/log"
url=https://$address
expect "by https" "$(curl -sS --cacert "$work/certificate" "$url/sub/" -w ' %{http_version}')" "<p>sub 1.1"
curl -sS --cacert "$work/certificate" "$url/big.png" | cmp - "$site/big.png" || fail "the big file came back changed by https"
mkdir "$site/list"
touch "$site/list/a&b"
expect "a listing" "$(curl -sS --cacert "$work/certificate" "$url/list/" | grep -o '<a .*b</a>')" '<a href="a%26b">a&amp;b</a>'
stop TERM
expect "the log" "$(sed 's/\[.*\]/[when]/; s/curl.*"/curl"/' "$work/log")" '127.0.0.1 - - [when] "GET /sub/ HTTP/1.1" 200 6 "-" "curl"
127.0.0.1 - - [when] "GET /big.png HTTP/1.1" 200 3000000 "-" "curl"
127.0.0.1 - - [when] "GET /list/ HTTP/1.1" 200 '"$(awk '/list/ {print $10}' "$work/log")"' "-" "curl"'

start static_server --root "$site" --latency 300
took=$(curl -sS -o /dev/null -w '%{time_total}' "http://$address/index.html")
awk -v took="$took" 'BEGIN { exit !(took >= 0.3) }' || fail "--latency 300 answered after $took s"
stop TERM
