#!/bin/bash
source "$(dirname "$0")/serving.bash"

hello='Hello, World!'
for model in greenlets threads gil_threads; do
    start hello_server --model "$model"
    expect "body by $model" "$(curl -sS "http://$address/")" "$hello"
    expect "kept alive by $model" "$(curl -sS "http://$address/a" "http://$address/b" -w '%{num_connects} ')" \
        "${hello}1 ${hello}0 "
    stop TERM
done

head -c 300000 /dev/urandom >"$work/file"
start hello_server --file "$work/file"
curl -sS "http://$address/" | cmp - "$work/file" || fail "the file came back changed"
refuses_what_servers_refuse hello_server
refuses "--model: fibres not in" hello_server --model fibres
refuses "--file.*$work/none" hello_server --file "$work/none"

# A stop signal does not wait for clients who keep their connection.
exec {client}<>"/dev/tcp/${address%:*}/${address##*:}"
printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' >&"$client"
read -r line <&"$client"
expect "status line" "$line" $'HTTP/1.1 200 OK\r'
stop INT
