#!/usr/bin/env python3
"""The handler of compare_server in Python, on Python's servers: python_server.py --model MODEL [--port P]

gevent     gevent's pywsgi: greenlets
gevent_raw gevent's StreamServer, with the least of HTTP
threads    http.server's ThreadingHTTPServer: a thread per connection, under the GIL
"""

import argparse
import sys
import time


def compute(seconds):
    """For so much CPU time of this thread, however long that takes."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        for _ in range(1000):
            pass


def handle(path, sleep, offload):
    work, _, amount = path.rpartition("/")
    if work == "/io":
        sleep(int(amount) / 1e3)
    elif work == "/cpu":
        compute(int(amount) / 1e6)
    elif work == "/offload":
        offload(compute, int(amount) / 1e6)
    return b"Hello, World!"


def announce(port):
    print(f"listening on 127.0.0.1:{port}", flush=True)


def serve_threads(port):
    import http.server

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self):
            body = handle(self.path, time.sleep, lambda f, x: f(x))
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 4096
        daemon_threads = True

    server = Server(("127.0.0.1", port), Handler)
    announce(server.server_port)
    server.serve_forever()


def serve_gevent(port):
    import gevent
    from gevent import pywsgi

    pool = gevent.get_hub().threadpool

    def application(environment, start_response):
        body = handle(environment["PATH_INFO"], gevent.sleep, lambda f, x: pool.apply(f, (x,)))
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    server = pywsgi.WSGIServer(("127.0.0.1", port), application, backlog=4096, log=None)
    server.init_socket()
    announce(server.server_port)
    server.serve_forever()


def serve_gevent_raw(port):
    import gevent
    from gevent.server import StreamServer

    pool = gevent.get_hub().threadpool

    def serve(socket, _):
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                piece = socket.recv(4096)
                if not piece:
                    return
                received += piece
            head, _, received = received.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            body = handle(path, gevent.sleep, lambda f, x: pool.apply(f, (x,)))
            socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    server = StreamServer(("127.0.0.1", port), serve, backlog=4096)
    server.init_socket()
    announce(server.server_port)
    server.serve_forever()


def main():
    models = {"threads": serve_threads, "gevent": serve_gevent, "gevent_raw": serve_gevent_raw}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=models, default="gevent")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    models[options.model](options.port)


sys.exit(main())
