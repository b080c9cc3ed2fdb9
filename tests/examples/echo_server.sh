#!/bin/bash
source "$(dirname "$0")/serving.bash"

start echo_server

# Two clients at once, and more bytes than any buffer holds.
python3 - "$address" <<'PYTHON'
import os, socket, sys, threading

host, port = sys.argv[1].split(":")
first = socket.create_connection((host, int(port)), timeout=10)
second = socket.create_connection((host, int(port)), timeout=10)
first.sendall(b"one")
second.sendall(b"two")
assert second.recv(10) == b"two"
assert first.recv(10) == b"one"

sent = os.urandom(1 << 20)
writer = threading.Thread(target=lambda: (first.sendall(sent), first.shutdown(socket.SHUT_WR)))
writer.start()
received = b""
while piece := first.recv(1 << 16):
    received += piece
writer.join()
assert received == sent
PYTHON

refuses_what_servers_refuse echo_server
stop INT
