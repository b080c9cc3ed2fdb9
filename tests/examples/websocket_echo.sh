#!/bin/bash
source "$(dirname "$0")/serving.bash"

start websocket_echo

# Two clients at once; text and a large binary message in fragments; a ping; a close in good order.
python3 - "$address" <<'PYTHON'
import base64, hashlib, os, socket, struct, sys

host, port = sys.argv[1].split(":")
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Client:
    def __init__(self):
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        assert b" 101 " in self.file.readline()
        headers = iter(self.file.readline, b"\r\n")
        accept = dict(line.decode().strip().split(": ", 1) for line in headers)["Sec-WebSocket-Accept"]
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert accept == base64.b64encode(digest).decode()

    def send(self, opcode, payload, final=True):
        length = len(payload)
        head = struct.pack("!BB", opcode | (128 if final else 0), 128 | (length if length < 126 else 126 if length < 65536 else 127))
        if 126 <= length < 65536: head += struct.pack("!H", length)
        if length >= 65536: head += struct.pack("!Q", length)
        self.socket.sendall(head + b"\0\0\0\0" + payload)

    def receive(self):
        """The opcode of the first frame, and all payloads of the message."""
        message, kind = b"", 0
        while True:
            first, length = self.file.read(2)
            if length == 126: length, = struct.unpack("!H", self.file.read(2))
            if length == 127: length, = struct.unpack("!Q", self.file.read(8))
            kind = kind or first & 15
            message += self.file.read(length)
            if first & 128: return kind, message


one, two = Client(), Client()
one.send(TEXT, b"first")
two.send(TEXT, b"second")
assert two.receive() == (TEXT, b"second")
assert one.receive() == (TEXT, b"first")

large = os.urandom(300000)
one.send(BINARY, large[:100], final=False)
one.send(0, large[100:])
assert one.receive() == (BINARY, large)

two.send(PING, b"are you there")
assert two.receive() == (PONG, b"are you there")
for client in one, two:
    client.send(CLOSE, struct.pack("!H", 1000))
    assert client.receive() == (CLOSE, struct.pack("!H", 1000))
PYTHON

refuses_what_servers_refuse websocket_echo
stop TERM
