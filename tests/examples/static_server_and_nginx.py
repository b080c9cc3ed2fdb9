#!/usr/bin/env python3
"""static_server_and_nginx.py BIN: asks static_server and nginx, which serve the same files, the same things by curl.

What they answer must agree: status, body and the fields that matter. Where they do not, RFC 9110 decides, and the
case says how. Our answers to HEAD have all fields of those to GET, and nginx's status. With --table it prints what was asked and answered.
"""

import gzip
import hashlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

FIELDS = ["content-type", "content-length", "content-range", "content-encoding", "last-modified", "accept-ranges", "vary"]
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER, LATER = "Sat, 05 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:49:37 GMT"

# What is asked for: a name, curl's arguments, the path. ETAG stands for each server's own.
CASES = [
    ("a file", [], "/digits.txt"),
    ("an empty file", [], "/empty.txt"),
    ("a large file", [], "/large.bin"),
    ("HEAD", ["-I"], "/digits.txt"),
    ("HEAD, large", ["-I"], "/large.bin"),
    ("the index", [], "/"),
    ("an index below", [], "/sub/"),
    ("a directory, no slash", [], "/sub"),
    ("a directory, no index", [], "/bare/"),
    ("nothing there", [], "/none"),
    ("a file as a directory", [], "/digits.txt/"),
    ("an encoded name", [], "/na%C3%AFve%20caf%C3%A9.txt"),
    ("a query", [], "/digits.txt?a=b&c"),
    ("bad encoding", ["--path-as-is"], "/%zz"),
    ("POST", ["-X", "POST", "-d", "x"], "/digits.txt"),
    ("range: first", ["-r", "0-3"], "/digits.txt"),
    ("range: middle", ["-r", "4-6"], "/digits.txt"),
    ("range: to the end", ["-r", "7-"], "/digits.txt"),
    ("range: the last", ["-r", "-3"], "/digits.txt"),
    ("range: more than there is", ["-r", "5-500"], "/digits.txt"),
    ("range: last of too many", ["-r", "-500"], "/digits.txt"),
    ("range: behind the end", ["-r", "10-"], "/digits.txt"),
    ("range: backwards", ["-H", "Range: bytes=5-2"], "/digits.txt"),
    ("range: nonsense", ["-H", "Range: bytes=x"], "/digits.txt"),
    ("range: another unit", ["-H", "Range: lines=1-2"], "/digits.txt"),
    ("range: two", ["-r", "0-1,8-9"], "/digits.txt"),
    ("range: three, with blanks", ["-H", "Range: bytes=0-0, 2-2 , -1"], "/digits.txt"),
    ("range: one of two exists", ["-r", "2-3,50-60"], "/digits.txt"),
    ("range: too much together", ["-r", "0-,0-"], "/digits.txt"),
    ("range: of a large file", ["-r", "1000000-1999999"], "/large.bin"),
    ("If-None-Match: the same", ["-H", "If-None-Match: ETAG"], "/digits.txt"),
    ("If-None-Match: weak", ["-H", "If-None-Match: W/ETAG"], "/digits.txt"),
    ("If-None-Match: one of two", ["-H", 'If-None-Match: "x", ETAG'], "/digits.txt"),
    ("If-None-Match: another", ["-H", 'If-None-Match: "x"'], "/digits.txt"),
    ("If-None-Match: *", ["-H", "If-None-Match: *"], "/digits.txt"),
    ("If-None-Match: HEAD", ["-I", "-H", "If-None-Match: ETAG"], "/digits.txt"),
    ("If-Modified-Since: then", ["-H", f"If-Modified-Since: {DATE}"], "/digits.txt"),
    ("If-Modified-Since: earlier", ["-H", f"If-Modified-Since: {EARLIER}"], "/digits.txt"),
    ("If-Modified-Since: later", ["-H", f"If-Modified-Since: {LATER}"], "/digits.txt"),
    ("If-Modified-Since: old form", ["-H", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"], "/digits.txt"),
    ("If-Modified-Since: nonsense", ["-H", "If-Modified-Since: then"], "/digits.txt"),
    ("If-Match: the same", ["-H", "If-Match: ETAG"], "/digits.txt"),
    ("If-Match: another", ["-H", 'If-Match: "x"'], "/digits.txt"),
    ("If-Match: weak", ["-H", "If-Match: W/ETAG"], "/digits.txt"),
    ("If-Match: *", ["-H", "If-Match: *"], "/digits.txt"),
    ("If-Unmodified-Since: then", ["-H", f"If-Unmodified-Since: {DATE}"], "/digits.txt"),
    ("If-Unmodified-Since: earlier", ["-H", f"If-Unmodified-Since: {EARLIER}"], "/digits.txt"),
    ("None-Match no, since then", ["-H", 'If-None-Match: "x"', "-H", f"If-Modified-Since: {DATE}"], "/digits.txt"),
    ("If-Range: the same", ["-r", "2-3", "-H", "If-Range: ETAG"], "/digits.txt"),
    ("If-Range: another", ["-r", "2-3", "-H", 'If-Range: "x"'], "/digits.txt"),
    ("If-Range: weak", ["-r", "2-3", "-H", "If-Range: W/ETAG"], "/digits.txt"),
    ("If-Range: the date", ["-r", "2-3", "-H", f"If-Range: {DATE}"], "/digits.txt"),
    ("If-Range: another date", ["-r", "2-3", "-H", f"If-Range: {LATER}"], "/digits.txt"),
    ("304 before 206", ["-r", "2-3", "-H", "If-None-Match: ETAG"], "/digits.txt"),
    ("412 before 416", ["-r", "50-", "-H", 'If-Match: "x"'], "/digits.txt"),
    ("gzip", ["-H", "Accept-Encoding: gzip"], "/text.txt"),
    ("gzip among others", ["-H", "Accept-Encoding: br, gzip;q=0.8, *;q=0.1"], "/text.txt"),
    ("gzip refused", ["-H", "Accept-Encoding: gzip;q=0"], "/text.txt"),
    ("gzip of a small file", ["-H", "Accept-Encoding: gzip"], "/digits.txt"),
    ("gzip of what is no text", ["-H", "Accept-Encoding: gzip"], "/large.bin"),
]

# Where the two may differ: what static_server answers, by which paragraph of RFC 9110.
DIFFER = [
    ("out of the root", ["--path-as-is"], "/..%2fsecret", "404", "15.5.5: there is no such file"),
    ("range of an empty file", ["-r", "0-"], "/empty.txt", "416", "15.5.17: no byte of it lies within"),
    ("range with gzip", ["-r", "5-9", "-H", "Accept-Encoding: gzip"], "/text.txt", "206", "14.2: of what is not coded"),
    ("HEAD of a range", ["-I", "-r", "0-3"], "/digits.txt", "200", "14.2: a range is for GET"),
    ("HEAD with gzip", ["-I", "-H", "Accept-Encoding: gzip"], "/text.txt", "200", "9.3.2: HEAD is coded like GET"),
    ("None-Match same, modified", ["-H", "If-None-Match: ETAG", "-H", f"If-Modified-Since: {EARLIER}"], "/digits.txt",
     "304", "13.2.2: If-None-Match decides alone"),
    ("nothing acceptable", ["-H", "Accept-Encoding: identity;q=0"], "/text.txt", "406", "12.5.3: identity was refused"),
]


def make_site(root):
    (root / "sub").mkdir(parents=True)
    (root / "bare").mkdir()
    (root.parent / "secret").write_text("secret")
    files = {"index.html": b"<p>top", "sub/index.html": b"<p>sub", "digits.txt": b"0123456789", "empty.txt": b"",
             "naïve café.txt": b"odd", "text.txt": b"all work and no play\n" * 500, "large.bin": os.urandom(3_000_000)}
    for name, contents in files.items():
        (root / name).write_bytes(contents)
        os.utime(root / name, (784111777, 784111777))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_nginx(work, root):
    port = free_port()
    (work / "nginx.conf").write_text(f"""
        daemon off; master_process off; pid {work}/pid; error_log {work}/error.log; user root;
        events {{}}
        http {{
            access_log off; default_type application/octet-stream; charset utf-8; if_modified_since before;
            types {{ text/html html; text/plain txt; }}
            gzip on; gzip_types text/plain; gzip_min_length 1024; gzip_vary on; gzip_proxied any;
            client_body_temp_path {work}/1; proxy_temp_path {work}/2; fastcgi_temp_path {work}/3;
            uwsgi_temp_path {work}/4; scgi_temp_path {work}/5;
            server {{ listen 127.0.0.1:{port}; root {root}; absolute_redirect off; }}
        }}""")
    server = subprocess.Popen(["nginx", "-p", str(work), "-c", str(work / "nginx.conf")], stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server, port
        except OSError:
            time.sleep(0.05)
    raise SystemExit("nginx does not listen")


def start_grove(binaries, root):
    server = subprocess.Popen([binaries / "static_server", "--port", "0", "--compress", "--root", root], stdout=subprocess.PIPE, text=True)
    return server, int(server.stdout.readline().rsplit(":", 1)[1])


def answer(port, arguments, path):
    """The status, all fields, and the body."""
    with tempfile.NamedTemporaryFile() as head, tempfile.NamedTemporaryFile() as body:
        subprocess.run(["curl", "-sS", "-m", "20", "-D", head.name, "-o", body.name, *arguments,
                        f"http://127.0.0.1:{port}{path}"], check=True)
        lines = open(head.name, encoding="latin-1", newline="").read().split("\r\n")
        contents = b"" if "-I" in arguments else open(body.name, "rb").read()
    status = lines[0].split()[1]
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return status, fields, contents


def ask(port, arguments, path):
    """The status, the fields that matter, and the body, in a form that can be compared."""
    status, fields, contents = answer(port, arguments, path)
    etag = fields.get("etag", "")
    kept = {name: fields[name] for name in FIELDS if name in fields}
    kept["etag"] = "weak" if etag.startswith("W/") else "strong" if etag else "none"
    if "location" in fields: kept["location"] = fields["location"]
    if status == "405": kept.clear()
    if status >= "300":  # the page that explains it is each server's own, and so are a 304's fields but one
        kept = {name: kept[name] for name in ("content-range", "location") if name in kept}
        contents = b""
    if boundary := re.search(r"boundary=(\S+)", kept.get("content-type", "")):
        contents = contents.replace(boundary[1].encode(), b"BOUNDARY")
        kept["content-type"] = "multipart/byteranges"
        kept.pop("content-length")
    if kept.get("content-encoding") == "gzip" and contents:
        contents = gzip.decompress(contents)
        kept.pop("content-length", None)
        kept.pop("accept-ranges", None)  # of what is not coded, as ours says and nginx does not
    kept.setdefault("vary", "-")
    if kept.get("content-encoding") != "gzip": kept.pop("vary")  # nginx says it only where it compressed, or might
    return status, kept, hashlib.sha256(contents).hexdigest()[:8]


def heads(port, arguments, path):
    """Status and fields by GET and by HEAD, but for those that depend on the moment, or on a body that is coded only for GET."""
    for method in ([], ["-I"]):
        status, fields, _ = answer(port, method + arguments, path)
        of_body = ("content-length", "transfer-encoding") if "content-encoding" in fields else ()
        yield status, {name: value for name, value in fields.items() if name not in ("", "date", *of_body)}


def with_etag(arguments, etag):
    return [argument.replace("ETAG", etag) for argument in arguments]


def etag_of(port, path):
    head = subprocess.run(["curl", "-sSI", f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(?im)^etag: (?:W/)?(\S+)", head)
    return found[1] if found else ""


def main():
    binaries, table = pathlib.Path(sys.argv[1]), "--table" in sys.argv
    faults = []
    with tempfile.TemporaryDirectory(prefix="grove-") as name:
        work = pathlib.Path(name)
        os.chmod(work, 0o755)
        root = work / "root"
        make_site(root)
        nginx, nginx_port = start_nginx(work, root)
        ours, our_port = start_grove(binaries, root)
        try:
            for what, arguments, path in CASES:
                answers = [ask(port, with_etag(arguments, etag_of(port, path)), path) for port in (our_port, nginx_port)]
                same = answers[0] == answers[1]
                if table: print(f"{what:<30} {answers[0][0]}  {answers[1][0]}  {'same' if same else 'DIFFERENT'}")
                if not same: faults.append(f"{what}:\n  grove {answers[0]}\n  nginx {answers[1]}")
                if {"-I", "-r", "-X"} & set(arguments) or "Range:" in " ".join(arguments): continue  # a range is for GET
                (by_get, by_head), (_, their_head) = (tuple(heads(port, with_etag(arguments, etag_of(port, path)), path)) for port in (our_port, nginx_port))
                same = by_get == by_head and by_head[0] == their_head[0]
                if table: print(f"{'  by HEAD':<30} {by_head[0]}  {their_head[0]}  {'same' if same else 'DIFFERENT'}")
                if not same: faults.append(f"{what}:\n  GET  {by_get}\n  HEAD {by_head}\n  nginx {their_head}")
            for what, arguments, path, expected, why in DIFFER:
                status, theirs = (ask(port, with_etag(arguments, etag_of(port, path)), path)[0] for port in (our_port, nginx_port))
                if table: print(f"{what:<30} {status}  {theirs}  RFC 9110, {why}")
                if status != expected: faults.append(f"{what}: {status}, not {expected} ({why})")
        finally:
            for server in (nginx, ours):
                server.send_signal(signal.SIGTERM)
                server.wait()
    if faults: raise SystemExit("FAILED:\n" + "\n".join(faults))


main()
