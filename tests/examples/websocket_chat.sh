#!/bin/bash
source "$(dirname "$0")/serving.bash"

start websocket_chat
expect "page" "$(curl -sS -o "$work/page" -w '%{http_code} %{content_type}' "http://$address/")" "200 text/html; charset=utf-8"
grep -q "new WebSocket" "$work/page" || fail "the page does not connect"
expect "no WebSocket" "$(curl -sS -o /dev/null -w '%{http_code}' "http://$address/room")" 426

python3 - "$address" <<'PYTHON'
import socket, sys

host, port = sys.argv[1].split(":")


class Guest:
    def __init__(self, room):
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(f"GET /{room} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        assert b" 101 " in self.file.readline()
        for line in iter(self.file.readline, b"\r\n"): pass

    def say(self, text):
        self.socket.sendall(bytes([0x81, 0x80 | len(text)]) + b"\0\0\0\0" + text.encode())

    def hear(self):
        first, length = self.file.read(2)
        return self.file.read(length).decode()


# Each has heard itself, so it is in its room, before the next one speaks.
guests = [Guest("kitchen"), Guest("kitchen"), Guest("cellar")]
for i, guest in enumerate(guests):
    guest.say(f"hello {i}")
    while guest.hear() != f"hello {i}": pass

guests[2].say("to the cellar")
guests[1].say("to the kitchen")
assert guests[0].hear() == "hello 1"
assert guests[0].hear() == guests[1].hear() == "to the kitchen"
assert guests[2].hear() == "to the cellar"

guests[1].socket.close()  # without a word; the others go on
guests[0].say("alone?")
assert guests[0].hear() == "alone?"

guests[2].socket.close()  # its room goes with it, and is there again for who comes next
for i in range(3):
    guest = Guest("cellar")
    guest.say(f"guest {i}")
    assert guest.hear() == f"guest {i}"
    guest.socket.close()
PYTHON
stop INT
