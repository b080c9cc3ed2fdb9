"""Servers under load: starting them, loading them, and what they cost meanwhile."""

import contextlib
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time


class DoesNotStart(Exception):
    pass


class Server:
    """A program that says "listening on ADDRESS:PORT", and all that it starts."""

    def __init__(self, process, port):
        self.process, self.port, self.pid = process, port, process.pid

    def family(self):
        """The process and its children's children."""
        members = [self.pid]
        for member in members:
            for task in pathlib.Path(f"/proc/{member}/task").glob("*/children"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
                    members += [int(child) for child in task.read_text().split()]
        return members

    def cpu_seconds(self):
        """User and system, of ended threads too: the processes' CPU clocks (clock_getcpuclockid)."""
        total = 0
        for pid in self.family():
            with contextlib.suppress(OSError):  # it has ended since
                total += time.clock_gettime(~pid << 3 | 2)
        return total

    def memory_kib(self, what="VmRSS"):
        found = [re.search(rf"{what}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()) for pid in self.family()]
        return sum(int(each[1]) for each in found if each)


@contextlib.contextmanager
def running(command, core=None):
    """Starts a server, on one core if one is given; it and all of its own end with the scope."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    process = subprocess.Popen([*pinned, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               start_new_session=True)
    try:
        ready, _, _ = select.select([process.stdout], [], [], 20)
        line = process.stdout.readline() if ready else ""
        match = re.fullmatch(r"listening on .*:(\d+)\n", line)
        if not match:
            raise DoesNotStart(f"{pathlib.Path(command[0]).name} does not listen, but says {line!r}")
        yield Server(process, int(match[1]))
    finally:
        with contextlib.suppress(ProcessLookupError):  # all have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wrk(port, connections, seconds, core=None, close=False):
    """Closed loops. What wrk saw: requests, errors, p99_ms; took: seconds."""
    command = ["taskset", "-c", str(core)] if core is not None else []
    command += ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-H", "Connection: close"] if close else []
    began = time.monotonic()
    done = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, timeout=seconds + 60)
    took = time.monotonic() - began
    if done.returncode != 0:
        raise DoesNotStart(f"wrk: {done.stderr.strip() or done.stdout.strip()}")
    report = done.stdout
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", report).groups()
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    not_ok = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    return {
        "requests": int(re.search(r"(\d+) requests in", report)[1]),
        "errors": sum(map(int, socket_errors.groups() if socket_errors else ())) + int(not_ok[1] if not_ok else 0),
        "p99_ms": float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit],
        "took": took,
    }


def measured_load(server, program, connections, rate, targets, seconds, warm_up):
    """compare_load against a server: what it saw, the server's CPU per request, and its peak of memory."""
    arguments = ["--port", str(server.port), "--connections", str(connections), "--rate", str(rate)]
    arguments += ["--seconds", str(seconds), "--warm-up", str(warm_up), "--target", *targets]
    generator = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
    time.sleep(warm_up)
    before, began = server.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    cpu, took = server.cpu_seconds() - before, time.monotonic() - began
    out, _ = generator.communicate(timeout=120)
    result = json.loads(out)
    served = max(result["per_second"] * took, 1)
    return result | {"cpu_us": cpu / served * 1e6, "peak_mib": server.memory_kib("VmHWM") / 1024}
