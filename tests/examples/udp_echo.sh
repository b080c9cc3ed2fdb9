#!/bin/bash
source "$(dirname "$0")/serving.bash"

start udp_echo

# Two clients, more datagrams than one batch, an empty one and the longest there is.
python3 - "$address" <<'PYTHON'
import socket, sys

host, port = sys.argv[1].split(":")
clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for client in clients:
    client.settimeout(10)
    client.connect((host, int(port)))
sent = [str(i).encode() for i in range(40)] + [b"", b"x" * 65507]
for datagram in sent:
    for client in clients:
        client.send(datagram + client.fileno().to_bytes(1, "big") if datagram[:1].isdigit() else datagram)
for client in clients:
    mark = client.fileno().to_bytes(1, "big")
    for datagram in sent:
        assert client.recv(1 << 17) == (datagram + mark if datagram[:1].isdigit() else datagram)
PYTHON

refuses_what_servers_refuse udp_echo
stop INT
