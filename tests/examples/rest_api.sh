#!/bin/bash
source "$(dirname "$0")/serving.bash"

start rest_api
url=http://$address

# call METHOD PATH [CURL ARGUMENTS...]: status and body.
call() {
    curl -sS -H 'Authorization: Bearer sesame' -X "$1" -w '%{http_code} ' -o "$work/body" "$url$2" "${@:3}"
    cat "$work/body"
}

expect "without the password" "$(curl -sS -o /dev/null -w '%{http_code}' "$url/notes")" 401
expect "an empty list" "$(call GET /notes)" "200 "
expect "a new note" "$(call PUT /notes/to%20do -d 'buy milk')" "201 buy milk"
expect "a changed note" "$(call PUT /notes/to%20do -d 'buy bread')" "200 buy bread"
expect "another note" "$(call PUT /notes/b%2Fc -d 'with a slash')" "201 with a slash"
expect "the list" "$(call GET /notes)" $'200 b/c\nto do'
expect "a note" "$(call GET /notes/to%20do)" "200 buy bread"
expect "no note" "$(call GET /notes/none)" "404 No such note."
expect "no path" "$(call GET /none)" "404 404 Not Found"
expect "deleted" "$(call DELETE /notes/to%20do)" "204 "
expect "deleted twice" "$(call DELETE /notes/to%20do)" "404 "
expect "another method" "$(call POST /notes/x -d y)" "405 405 Method Not Allowed"
expect "too long" "$(head -c 100000 /dev/zero | call PUT /notes/long --data-binary @-)" "413 413 Content Too Large"

# Who reads slowly gets what there was when it asked, though it is deleted meanwhile.
python3 - "$address" <<'PYTHON'
import http.client, socket, sys

host, port = sys.argv[1].split(":")
password = {"Authorization": "Bearer sesame"}
keeper = http.client.HTTPConnection(host, int(port), timeout=30)


def tell(method, path, body=None):
    keeper.request(method, path, body, password)
    answer = keeper.getresponse()
    answer.read()
    return answer.status


names = [f"{i:05}" + "x" * 6000 for i in range(900)]  # more than the sockets' buffers hold
for name in names: assert tell("PUT", f"/notes/{name}", "x") == 201
reader = socket.socket()
reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
reader.connect((host, int(port)))
reader.settimeout(30)
reader.sendall(b"GET /notes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\nConnection: close\r\n\r\n")
assert reader.recv(1) == b"H"  # the answer is under way
for name in names: assert tell("DELETE", f"/notes/{name}") == 204
head, body = reader.makefile("rb").read().split(b"\r\n\r\n", 1)
assert body.decode() == "".join(name + "\n" for name in names) + "b/c\n", head
PYTHON
expect "Allow" "$(curl -sSI -X OPTIONS -H 'Authorization: Bearer sesame' "$url/notes/x" | tr -d '\r' | grep Allow)" \
    "Allow: DELETE, GET, HEAD, OPTIONS, PUT"
stop INT
