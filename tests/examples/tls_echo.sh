#!/bin/bash
source "$(dirname "$0")/serving.bash"

# certificate NAME SUBJECT DAYS: $work/NAME.pem and .key, signed by $work/ca.pem, for localhost and 127.0.0.1.
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
        -keyout "$work/$1.key" -out "$work/$1.csr" 2>>"$work/openssl.err"
    openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -days 2 -out "$work/$1.pem" \
        -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") 2>>"$work/openssl.err"
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=Test Authority" -days 2 \
    -keyout "$work/ca.key" -out "$work/ca.pem" 2>>"$work/openssl.err" || fail "$(cat "$work/openssl.err")"
certificate server localhost || fail "$(cat "$work/openssl.err")"

start tls_echo --certificate "$work/server.pem" --key "$work/server.key"
port=${address##*:}

# s_client ARGUMENTS...: what openssl says of a connection on which a line came back, in $said.
s_client() {
    local line in out
    coproc CLIENT {
        exec openssl s_client -connect "$address" -CAfile "$work/ca.pem" -verify_return_error \
            -verify_hostname localhost -servername localhost "$@" 2>"$work/client.err"
    }
    local pid=$CLIENT_PID theirs=("${CLIENT[@]}")
    exec {in}<&"${theirs[0]}" {out}>&"${theirs[1]}" # bash closes its own when the process ends
    exec {theirs[0]}<&- {theirs[1]}>&-
    said=
    echo "there and back" >&"$out"
    while IFS= read -t 20 -r -u "$in" line; do
        said+=$line$'\n'
        [[ $line != "there and back" ]] || break
    done
    [[ $said == *"there and back"* ]] || fail "s_client $*: $said $(cat "$work/client.err")"
    exec {out}>&- # its end: s_client says so to the server, and waits for the same
    said+=$(cat <&"$in")
    exec {in}<&-
    wait "$pid" || fail "s_client $*: status $? $(cat "$work/client.err")"
}

# says WORDS...: each is in what openssl said.
says() {
    local words
    for words in "$@"; do
        [[ $said == *"$words"* ]] || fail "s_client does not say '$words': $said"
    done
}

for version in 1_2 1_3; do
    name=TLSv${version/_/.}
    s_client -tls$version -alpn h2,http/1.1 -sess_out "$work/session"
    says "Verify return code: 0 (ok)" "ALPN protocol: http/1.1" "New, $name, Cipher is"
    s_client -tls$version -alpn http/1.1 -sess_in "$work/session"
    says "Reused, $name, Cipher is"
done

# What is too old, and another ALPN.
openssl s_client -connect "$address" -tls1_1 -cipher DEFAULT@SECLEVEL=0 </dev/null >"$work/old" 2>&1 &&
    fail "TLS 1.1 is spoken"
grep -q "alert protocol version" "$work/old" || fail "TLS 1.1: $(cat "$work/old")"
openssl s_client -connect "$address" -alpn imap </dev/null >"$work/alpn" 2>&1 && fail "ALPN imap is spoken"
grep -q "no application protocol" "$work/alpn" || fail "ALPN imap: $(cat "$work/alpn")"

# curl takes its own request for an answer of HTTP/0.9.
for version in 1.2 1.3; do
    exec {page}< <(exec curl --silent --show-error --no-buffer --http0.9 --tlsv$version --tls-max $version \
        --cacert "$work/ca.pem" "https://localhost:$port/back" 2>"$work/curl.err")
    curl=$!
    IFS= read -t 20 -r -u "$page" line || fail "curl --tlsv$version: $(cat "$work/curl.err")"
    expect "curl --tlsv$version" "$line" $'GET /back HTTP/1.1\r'
    kill "$curl"
    exec {page}<&-
done
status=0
curl --silent --http0.9 "https://localhost:$port/" >"$work/curl.out" 2>&1 || status=$?
expect "curl without the authority" "$status" 60

refuses "TLS certificate none.pem: No such file or directory" tls_echo --certificate none.pem
refuses "--certificate is required" tls_echo
refuses_what_servers_refuse tls_echo --certificate "$work/server.pem" --key "$work/server.key"

# The log has those whom the server refused or who broke off, and nothing else.
! grep -v 'the handler of .* threw: TLS ' "$work/err" || fail "that should not be in the log"
for reason in "unsupported protocol" "no application protocol" "unknown ca"; do
    grep -q "$reason" "$work/err" || fail "'$reason' is not in the log: $(cat "$work/err")"
done
: >"$work/err"
stop INT
