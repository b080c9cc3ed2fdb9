#!/bin/bash
source "$(dirname "$0")/serving.bash"

# What is behind it: an echo server; $echo is its process.
start echo_server
echo=$server
behind=$address
trap 'kill "$echo"; clean_up' EXIT

start port_forwarder --to-port "${behind##*:}"

# More bytes than any buffer holds there and back, each end is passed on, and several at once.
python3 - "$address" <<'PYTHON'
import os, socket, sys, threading

host, port = sys.argv[1].split(":")
clients = [socket.create_connection((host, int(port)), timeout=10) for _ in range(4)]
sent = os.urandom(1 << 20)

def send(client):
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)

writers = [threading.Thread(target=send, args=[client]) for client in clients]
for writer in writers:
    writer.start()
for client in clients:
    received = b""
    while piece := client.recv(1 << 16):
        received += piece
    assert received == sent
for writer in writers:
    writer.join()
PYTHON

refuses "--to-port is required" port_forwarder
refuses "--to-port" port_forwarder --to-port http
refuses "--idle-timeout" port_forwarder --to-port 1 --idle-timeout 0
refuses_what_servers_refuse port_forwarder --to-port "${behind##*:}"
stop INT

# A connection on which nothing moves is ended.
start port_forwarder --to-port "${behind##*:}" --idle-timeout 1
python3 - "$address" <<'PYTHON'
import socket, sys, time

host, port = sys.argv[1].split(":")
start = time.monotonic()
idle = socket.create_connection((host, int(port)), timeout=20)
idle.sendall(b"x")
assert idle.recv(10) == b"x"
assert idle.recv(10) == b""
assert time.monotonic() - start >= 1
PYTHON
stop INT
