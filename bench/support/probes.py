"""How one figure is measured, once. The driver asks each probe in turn, round by round."""

import dataclasses
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import build
import servers

SERVER_CORE, LOAD_CORE = 0, 1


class Unavailable(Exception):
    """Why there is no figure."""


@dataclasses.dataclass
class Sample:
    value: float
    errors: int = 0


@dataclasses.dataclass
class Settings:
    """How long to measure, and what was measured already."""

    bench_seconds: float = 0.2
    load_seconds: int = 4
    long_load_seconds: int = 8
    warm_up: int = 1
    open_loop_warm_up: int = 2
    longest_row: int = 240  # seconds, after which a row has no further round
    kept: dict = dataclasses.field(default_factory=dict)

    def shared(self, user, run, measure):
        """One run gives the figures of several users: the n-th that one asks for is that of the n-th run."""
        runs = self.kept.setdefault(run, [])
        asked = self.kept.setdefault((user, run), [])
        if len(asked) == len(runs):
            runs.append(measure())
        asked.append(None)
        return runs[len(asked) - 1]


QUICK = {"bench_seconds": 0.05, "load_seconds": 1, "long_load_seconds": 3, "warm_up": 0, "open_loop_warm_up": 1,
         "longest_row": 60}


def program(name):
    """By name from where programs are built, or as it is."""
    for directory in (build.BIN, build.EXAMPLES, build.GO, build.PEERS):
        if (directory / name).is_file():
            return str(directory / name)
    if shutil.which(name):
        return shutil.which(name)
    raise Unavailable(f"no {name} here")


def output_of(command, **options):
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{pathlib.Path(command[0]).name} took more than five minutes") from None
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise Unavailable(f"{pathlib.Path(command[0]).name} ended with {done.returncode}: {words}")
    return done.stdout


def number_in(pattern, text):
    match = re.search(pattern, text)
    if not match:
        raise Unavailable(f"no figure in {text[:80]!r}")
    return float(match[1])


# --- programs that measure themselves -------------------------------------------------------------------


class Micro:
    """A row of a Google Benchmark program: its time in ns, or one of its counters (of names, the largest)."""

    def __init__(self, source, *names, counter=None):
        self.source, self.names, self.counter = source, names, counter

    def seconds(self, settings):
        return (0.4 + 3 * settings.bench_seconds) * len(self.names)

    def measure(self, settings):
        pattern = "|".join(re.escape(name) for name in self.names)
        command = [program(self.source), f"--benchmark_filter=^({pattern})$", "--benchmark_format=json",
                   f"--benchmark_min_time={settings.bench_seconds}"]
        text = output_of(command)
        rows = json.loads(text)["benchmarks"] if text else []
        if len(rows) != len(self.names):
            raise Unavailable(f"{self.source} has no row {' or '.join(self.names)}")
        for row in rows:
            if row.get("error_occurred"):
                raise Unavailable(row["error_message"])
        return Sample(max(map(self.figure, rows)))

    def figure(self, row):
        if self.counter and self.counter.startswith("per_"):
            return row[self.counter] * 1e9
        if self.counter:
            return round(row[self.counter], 2)  # what happens once in a run does not count
        scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[row["time_unit"]]
        return row["real_time" if "real_time" in row["name"] else "cpu_time"] * scale


class Output:
    """A program that prints the figure, and perhaps others. after: the one that runs first, each time."""

    def __init__(self, *command, find=r"^([\d.]+)", lasts=1.5, scale=1.0, after=None):
        self.command, self.find, self.lasts, self.scale, self.after = command, find, lasts, scale, after

    def seconds(self, settings):
        return self.lasts

    def measure(self, settings):
        words = (program(self.command[0]), *self.command[1:])
        text = settings.shared(self.find, words, lambda: self.run(words))
        return Sample(number_in(self.find, text) * self.scale)

    def run(self, words):
        if self.after:
            output_of((program(self.after[0]), *self.after[1:]))
        return output_of(words)


def go(name, once=False, find=r"([\d.]+) ns/op", scale=1.0):
    """A benchmark of peers/go_test.go."""
    time_ = "1x" if once else "200ms"
    return Output("go_micro", "-test.bench", f"^Benchmark{name}$", "-test.cpu", "1", "-test.benchtime", time_,
                  find=find, lasts=5 if once else 1, scale=scale)


class Gevent(Output):
    """A job of peers/gevent_micro.py."""

    def __init__(self, job):
        super().__init__(build.PYTHON, build.PEERS / "gevent_micro.py", job)

    def measure(self, settings):
        needs_gevent()
        return super().measure(settings)


def needs_gevent():
    if not build.has_gevent():
        raise Unavailable("no python3-gevent here")


class Beside:
    """A figure of bench/growth; one run in each round gives them all."""

    def __init__(self, n, key, sleeping=False, scale=1.0):
        self.n, self.key, self.sleeping, self.scale = n, key, sleeping, scale

    def seconds(self, settings):
        return (2 + self.n * 8e-6) / 5  # shared by about so many

    def measure(self, settings):
        command = (program("growth"), str(self.n), *(["--sleeping"] if self.sleeping else []))
        needed = self.n * 4.8 / 2**20  # GiB
        available = int(re.search(r"MemAvailable:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 2**20
        if needed > 0.8 * available:
            raise Unavailable(f"{needed:.1f} GiB needed, {available:.1f} there")
        figures = settings.shared(self.key, command, lambda: json.loads(output_of(command)))
        return Sample(figures[self.key] * self.scale)


class ColdReadsByFio:
    """io_uring with 64 reads under way, each page of 64 MiB once, none of them in memory."""

    def seconds(self, settings):
        return 2.0

    def measure(self, settings):
        with tempfile.NamedTemporaryFile(dir="/var/tmp", prefix="grove-bench-") as file:
            text = output_of([program("fio"), "--name=cold", f"--filename={file.name}", "--size=64m", "--rw=randread",
                              "--ioengine=io_uring", "--bs=4k", "--iodepth=64", "--direct=0", "--invalidate=1",
                              "--output-format=json"])
        return Sample(1e9 / json.loads(text[text.index("{"):])["jobs"][0]["read"]["iops"])


# --- servers ---------------------------------------------------------------------------------------------


def command_of(words):
    """The first word is the name of a program; gevent's are run by Debian's Python."""
    if words[0] == "nginx_hello":
        program("nginx")
    if words[0] == "python_server.py":
        needs_gevent()
        return [build.PYTHON, program(words[0]), *words[1:]]
    return [program(words[0]), *words[1:]]


class Served:
    """A server on one core, wrk on another."""

    def __init__(self, *words, connections=64, close=False):
        self.words, self.connections, self.close = words, connections, close

    def seconds(self, settings):
        return settings.warm_up + settings.load_seconds + 0.6

    def measure(self, settings):
        if (os.cpu_count() or 1) < 2:
            raise Unavailable("needs two cores: one for the server, one for the load")
        try:
            with servers.running(command_of(self.words), SERVER_CORE) as server:
                self.load(server, settings.warm_up)
                return self.figure(server, settings)
        except servers.DoesNotStart as problem:
            raise Unavailable(str(problem)) from None

    def load(self, server, seconds):
        if seconds > 0:
            return servers.wrk(server.port, self.connections, seconds, LOAD_CORE, self.close)


class CpuPerRequest(Served):
    """Microseconds of the server's CPU time."""

    def figure(self, server, settings):
        before = server.cpu_seconds()
        seen = self.load(server, settings.load_seconds)
        return Sample((server.cpu_seconds() - before) / max(seen["requests"], 1) * 1e6, seen["errors"])


class P99(Served):
    """Milliseconds, closed loops."""

    def seconds(self, settings):
        return settings.warm_up + settings.long_load_seconds + 1

    def figure(self, server, settings):
        seen = self.load(server, settings.long_load_seconds)
        return Sample(seen["p99_ms"], seen["errors"])


class OpenLoop(Served):
    """A figure of compare_load, nothing pinned: as in bench/compare/run."""

    def __init__(self, *words, connections=64, rate=0, target="/hello/0", figure):
        super().__init__(*words, connections=connections)
        self.rate, self.target, self.key = rate, target, figure

    def seconds(self, settings):
        return (settings.open_loop_warm_up + settings.load_seconds + 0.6) / (4 if self.connections > 1000 else 1)  # shared

    def measure(self, settings):
        run = (self.words, self.connections, self.rate, self.target)
        seen = settings.shared(self.key, run, lambda: self.run(settings))
        return Sample(seen[self.key], seen["errors"])

    def run(self, settings):
        try:
            with servers.running(command_of(self.words)) as server:
                return servers.measured_load(server, program("compare_load"), self.connections, self.rate, [self.target],
                                             settings.load_seconds, settings.open_loop_warm_up)
        except servers.DoesNotStart as problem:
            raise Unavailable(str(problem)) from None


class IdleConnections(Served):
    """KiB resident for each connection that has asked once, and nothing for some seconds since."""

    silence = 3  # seconds

    def seconds(self, settings):
        return 0.6 + self.silence + self.connections * 4e-4

    def measure(self, settings):
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < self.connections + 100:
            raise Unavailable(f"only {soft} descriptors may be open")
        return super().measure(settings)

    def load(self, server, seconds):
        pass

    def figure(self, server, settings):
        first = [ask(server.port) for _ in range(4)]  # whatever a server needs once
        before = server.memory_kib()
        held = [ask(server.port) for _ in range(self.connections)]
        time.sleep(self.silence)
        each = (server.memory_kib() - before) / self.connections
        for connection in first + held:
            connection.close()
        return Sample(each)


def ask(port, target="/"):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    if b" 200 " not in connection.recv(4096, socket.MSG_PEEK):
        raise Unavailable(f"no 200 for {target}")
    return connection


class LargeFile(Served):
    """MB/s through one connection: a file that is in memory, ten times; the best, as it meets the fewest others."""

    size = 128 << 20

    def seconds(self, settings):
        return 2.5

    def measure(self, settings):
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            pathlib.Path(directory, "large").write_bytes(b"x" * self.size)
            return self.of(directory, settings)

    def of(self, directory, settings):
        plain = Served.measure
        words, self.words = self.words, (*self.words, "--root", directory)
        try:
            return plain(self, settings)
        finally:
            self.words = words

    def load(self, server, seconds):
        self.fetch(server)

    def figure(self, server, settings):
        return Sample(max(self.fetch(server) for _ in range(10)))

    def fetch(self, server):
        buffer, got = bytearray(1 << 20), 0
        began = time.monotonic()
        with ask(server.port, "/large") as connection:
            os.sched_setaffinity(0, {LOAD_CORE})
            try:
                while got < self.size:
                    n = connection.recv_into(buffer)
                    if n == 0:
                        raise Unavailable(f"the body ended after {got} bytes")
                    got += n
            finally:
                os.sched_setaffinity(0, range(os.cpu_count()))
        return got / (time.monotonic() - began) / 1e6


class SystemCalls(Served):
    """Reads, writes and epoll_ctl for each request, by strace, but for what a connection costs once: an epoll_ctl, and
    the read that finds its end. Many requests share an epoll_wait."""

    for_requests = re.compile(r"(recv|send|p?read|p?write|epoll_ctl)")

    def seconds(self, settings):
        return settings.long_load_seconds + 1.5

    def measure(self, settings):
        with tempfile.TemporaryDirectory() as directory:
            counts = pathlib.Path(directory, "counts")
            try:
                with servers.running(command_of(self.words), SERVER_CORE) as server:
                    seen = self.traced_load(server, counts, settings.long_load_seconds)
            except servers.DoesNotStart as problem:
                raise Unavailable(str(problem)) from None
            rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", counts.read_text(), re.M)
        calls = sum(int(count) for count, name in rows if self.for_requests.match(name)) - 2 * self.connections
        return Sample(calls / max(seen["requests"], 1), seen["errors"])

    def traced_load(self, server, counts, seconds):
        strace = subprocess.Popen([program("strace"), "-f", "-c", "-o", str(counts), "-p", str(server.pid)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            time.sleep(0.5)  # it attaches to every thread
            if strace.poll() is not None:
                raise Unavailable(strace.stderr.read().strip())
            return self.load(server, seconds)
        finally:
            strace.send_signal(signal.SIGINT)
            strace.wait(timeout=20)


def peak_kib(pid):
    """Of the resident set, so far. (wait4() would tell at least this program's own, from before the exec.)"""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except ProcessLookupError:
        return 0
    match = re.search(r"VmHWM:\s+(\d+)", status)
    return int(match[1]) if match else 0


class Crawl:
    """A crawl of cppreference's pages, as they were installed and are served here: its wall time in s, its peak
    of memory in MiB, or how many pages it found."""

    site = pathlib.Path("/usr/share/cppreference/doc/html")
    clients = {
        "crawler": lambda url, into: [program("crawler"), url, "--connections", "64", "--list", f"{into}/pages"],
        "wget": lambda url, into: [program("wget"), "-q", "-r", "-np", "-l", "inf", "-e", "robots=off", "-P", into, url],
    }

    def __init__(self, client, figure, latency=0):
        self.client, self.figure, self.latency = client, figure, latency

    def seconds(self, settings):
        return 2.0

    def measure(self, settings):
        if not self.site.is_dir():
            raise Unavailable("no cppreference-doc-en-html here")
        seen = settings.shared(self.figure, (self.client, self.latency), self.crawl)
        return Sample(seen[self.figure])

    def crawl(self):
        command = [program("static_server"), "--root", str(self.site), "--latency", str(self.latency)]
        with servers.running(command) as server, tempfile.TemporaryDirectory() as directory:
            words = self.clients[self.client](f"http://127.0.0.1:{server.port}/en/index.html", directory)
            began = time.monotonic()
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            peak = 0
            while process.poll() is None:
                peak = max(peak, peak_kib(process.pid))
                time.sleep(0.005)
            took = time.monotonic() - began
            if process.returncode not in (0, 8):  # 8: wget met a dead link
                raise Unavailable(f"{self.client} ended with {process.returncode}")
            listed = pathlib.Path(directory, "pages")
            found = (len(listed.read_text().splitlines()) if listed.is_file() else
                     sum(file.is_file() for file in pathlib.Path(directory).rglob("*")))
        return {"seconds": took, "peak_mib": peak / 1024, "pages": found}
