#!/usr/bin/env python3
"""behind_nginx.py BIN: the servers of the examples behind nginx, as they are put into service.

nginx speaks HTTP/1.1 to them over connections it keeps, passes events on as they come and lets WebSockets through.
"""

import base64
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def example(*command):
    """Its port, while it runs."""
    server = subprocess.Popen([*map(str, command), "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        yield int(server.stdout.readline().rsplit(":", 1)[1])
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == -signal.SIGTERM, server.returncode


@contextlib.contextmanager
def nginx(work, **ports):
    """The port of an nginx that has a location for each of `ports`."""
    port = free_port()
    upstreams = "".join(f"upstream {name} {{ server 127.0.0.1:{at}; keepalive 8; }}" for name, at in ports.items())
    locations = "".join(f"location /{name}/ {{ proxy_pass http://{name}/; }}" for name in ports)
    (work / "nginx.conf").write_text(f"""
        daemon off; master_process off; pid {work}/pid; error_log {work}/error.log; user root;
        events {{}}
        http {{
            access_log off; client_body_temp_path {work}/1; proxy_temp_path {work}/2; fastcgi_temp_path {work}/3;
            uwsgi_temp_path {work}/4; scgi_temp_path {work}/5;
            map $http_upgrade $connection_wish {{ default upgrade; "" ""; }}
            {upstreams}
            server {{
                listen 127.0.0.1:{port};
                proxy_http_version 1.1;
                proxy_set_header Host $host;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection $connection_wish;
                proxy_request_buffering off; client_max_body_size 8m;
                {locations}
            }}
        }}""")
    server = subprocess.Popen(["nginx", "-p", str(work), "-c", str(work / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(20)
    errors = (work / "error.log").read_text()
    assert "[error]" not in errors, errors


def ask(client, method, path, body=None, headers={}):
    client.request(method, path, body, headers, encode_chunked=not isinstance(body, (bytes, type(None))))
    answer = client.getresponse()
    return answer, answer.read()


def files(port, root):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    large = (root / "large.bin").read_bytes()
    answer, body = ask(client, "GET", "/files/large.bin")
    assert answer.status == 200 and body == large
    etag = answer.headers["ETag"]
    answer, body = ask(client, "GET", "/files/large.bin", headers={"Range": "bytes=1000000-1999999", "If-Range": etag})
    assert answer.status == 206 and body == large[1000000:2000000]
    answer, body = ask(client, "GET", "/files/large.bin", headers={"If-None-Match": etag})
    assert answer.status == 304 and body == b""
    answer, body = ask(client, "HEAD", "/files/large.bin")
    assert answer.status == 200 and answer.headers["Content-Length"] == str(len(large)) and body == b""
    assert ask(client, "GET", "/files/none")[0].status == 404


def notes(port):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    password = {"Authorization": "Bearer sesame"}
    pieces = [b"a note in ", b"", b"pieces, ", b"of no length told"]
    answer, body = ask(client, "PUT", "/notes/notes/one", iter(pieces), {**password, "Transfer-Encoding": "chunked"})
    assert (answer.status, body) == (201, b"".join(pieces)), (answer.status, body)
    assert ask(client, "GET", "/notes/notes/one", headers=password)[1] == b"".join(pieces)
    # Refused while nginx still sends: it must get to read why. It closes the client's connection then.
    other = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    assert ask(other, "PUT", "/notes/notes/large", bytes(6_000_000), password)[0].status == 413
    answer, _ = ask(client, "DELETE", "/notes/notes/one", headers=password)
    assert answer.status == 204


def events(port):
    """Each reaches the client when it happens, not when a buffer of nginx's is full."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", "/ticks/ticks", headers={"Last-Event-ID": "41"})
    answer = client.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert [answer.readline() for _ in range(4)] == [b"event: tick\n", b"id: 42\n", b"data: 42\n", b"\n"]
    client.close()


def chat(port):
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        key = base64.b64encode(os.urandom(16))
        connection.sendall(b"GET /chat/lobby HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n")
        stream = connection.makefile("rb")
        assert b" 101 " in stream.readline()
        while stream.readline() != b"\r\n": pass
        connection.sendall(b"\x81\x85" + b"\0\0\0\0" + b"hello")
        assert stream.read(2) == b"\x81\x05" and stream.read(5) == b"hello"
        connection.sendall(b"\x88\x82" + b"\0\0\0\0" + b"\x03\xe8")
        assert stream.read(4) == b"\x88\x02\x03\xe8"


def kept_connections(port):
    """Many at once, through connections that nginx keeps and our server closes after so many requests."""
    failed = []

    def many():
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for _ in range(300):
            answer, body = ask(client, "GET", "/files/small.txt")
            if answer.status != 200 or body != b"small": failed.append(answer.status)

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert not failed, failed


def main():
    binaries = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        work = pathlib.Path(folder)
        root = work / "site"
        root.mkdir()
        (root / "large.bin").write_bytes(os.urandom(3_000_000))
        (root / "small.txt").write_text("small")
        port = stack.enter_context(nginx(
            work,
            files=stack.enter_context(example(binaries / "static_server", "--root", root)),
            notes=stack.enter_context(example(binaries / "rest_api")),
            ticks=stack.enter_context(example(binaries / "sse_clock", "--interval", "20")),
            chat=stack.enter_context(example(binaries / "websocket_chat"))))
        files(port, root)
        notes(port)
        events(port)
        chat(port)
        kept_connections(port)


main()
