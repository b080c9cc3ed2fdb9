#!/bin/bash
source "$(dirname "$0")/serving.bash"

# What nginx, where it is installed, makes of redirects, compression and chunks; else Python's server, of files.
nginx=$(PATH=$PATH:/usr/sbin command -v nginx || true)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
chmod 755 "$work" # for nginx, which reads as another user if it is started by root
mkdir -p "$work/www/folder"
seq 200000 >"$work/www/numbers.txt"
echo "in the folder" >"$work/www/folder/index.html"

if [[ -n $nginx ]]; then
    cat >"$work/nginx.conf" <<END
daemon off;
pid $work/pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path $work/1; proxy_temp_path $work/2; fastcgi_temp_path $work/3;
    uwsgi_temp_path $work/4; scgi_temp_path $work/5;
    gzip on; gzip_types *;
    server {
        listen 127.0.0.1:$port;
        root $work/www;
        location /moved { return 301 /numbers.txt; }
        location /circle { return 302 /circle; }
    }
}
END
    sed -i 's/gzip_types \*/gzip_types text\/plain */' "$work/nginx.conf"
    "$nginx" -e stderr -c "$work/nginx.conf" 2>"$work/nginx.err" &
else
    python3 -m http.server --bind 127.0.0.1 --directory "$work/www" "$port" >/dev/null 2>&1 &
fi
server=$!
for _ in {1..200}; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    sleep 0.05
done

# fetches URL FILE
fetches() {
    "$bin/fetch" "$1" --output "$work/got" 2>"$work/said" || fail "fetch $1: $(cat "$work/said")"
    cmp "$work/got" "$2" || fail "fetch $1 brought something else"
}

site=http://127.0.0.1:$port
fetches "$site/numbers.txt" "$work/www/numbers.txt"
fetches "$site/folder" "$work/www/folder/index.html" # by a redirect to "folder/"
grep -q "^from $site/folder/$" "$work/said" || fail "$(cat "$work/said")"
expect "stdout" "$("$bin/fetch" "$site/folder/" 2>/dev/null)" "in the folder"
echo kept >"$work/kept"
refuses "status 404" fetch "$site/none" --output "$work/kept"
expect "a file that was there" "$(cat "$work/kept")" kept
if "$bin/fetch" "$site/numbers.txt" >/dev/full 2>"$work/said"; then fail "a full disk went unnoticed"; fi
tail -1 "$work/said" | grep -q "fetch: .*No space left on device" || fail "a full disk: $(cat "$work/said")"
refuses "mailto:me: Protocol not supported\|Invalid argument" fetch mailto:me
if [[ -n $nginx ]]; then
    fetches "$site/moved" "$work/www/numbers.txt"
    refuses "more redirects than" fetch "$site/circle"
fi
kill "$server"
wait "$server" || true

# https, with openssl's own server.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" -days 2 \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout "$work/key.pem" -out "$work/cert.pem" 2>"$work/openssl.err" ||
    fail "$(cat "$work/openssl.err")"
(cd "$work/www" && exec openssl s_server -WWW -quiet -accept "127.0.0.1:$port" -cert "$work/cert.pem" -key "$work/key.pem") \
    >"$work/s_server" 2>&1 &
server=$!
for _ in {1..200}; do
    if "$bin/fetch" "https://127.0.0.1:$port/numbers.txt" --ca "$work/cert.pem" >"$work/got" 2>"$work/said"; then break; fi
    sleep 0.05
done
cmp "$work/got" "$work/www/numbers.txt" || fail "https: $(cat "$work/said")"
refuses "self-signed certificate" fetch "https://127.0.0.1:$port/numbers.txt"
