"""What is measured: every row of the table, with its target, its floor and its peers; and how it grows."""

import dataclasses
import re

from probes import (Beside, ColdReadsByFio, CpuPerRequest, Crawl, Gevent, IdleConnections, LargeFile, Micro, OpenLoop,
                    Output, P99, SystemCalls, go)

# --- targets --------------------------------------------------------------------------------------------


@dataclasses.dataclass
class AtMost:
    """Of the unit."""

    limit: float

    def words(self, unit):
        return f"<= {self.limit:g} {unit}"

    def holds(self, figures):
        return figures["ours"].value <= self.limit


@dataclasses.dataclass
class Times:
    """At most, or at least, so many times the floor, or a peer."""

    factor: float
    of: str = "floor"
    at_least: bool = False

    def words(self, unit):
        sign = ">=" if self.at_least else "<="
        return f"{sign} {self.factor:g} x {self.of}" if self.factor != 1 else f"{sign} {self.of}"

    def holds(self, figures):
        if self.of not in figures:
            return None
        ratio = figures["ours"].value / figures[self.of].value
        return ratio >= self.factor if self.at_least else ratio <= self.factor


@dataclasses.dataclass
class Same:
    """As the floor."""

    def words(self, unit):
        return "as many as the floor"

    def holds(self, figures):
        return figures["ours"].samples == figures["floor"].samples if "floor" in figures else None


@dataclasses.dataclass
class AboveFloor:
    """At most so much more than the floor."""

    more: float

    def words(self, unit):
        return f"<= floor + {self.more:.3g} {unit}"

    def holds(self, figures):
        return figures["ours"].value <= figures["floor"].value + self.more if "floor" in figures else None


@dataclasses.dataclass
class NoErrors:
    def words(self, unit):
        return "no errors"

    def holds(self, figures):
        return figures["ours"].errors == 0


@dataclasses.dataclass
class Row:
    name: str
    unit: str
    ours: object
    targets: list = dataclasses.field(default_factory=list)
    floor: object = None
    floor_name: str = ""
    peers: dict = dataclasses.field(default_factory=dict)
    grows: str = ""  # the name of a Growth
    line: str = ""  # and of the line of it; the first, if not given


@dataclasses.dataclass
class Growth:
    """Lines of cost against size. A line that is not flat needs its explanation."""

    name: str
    unit: str
    sizes: list
    lines: dict  # label: size -> probe
    explained: dict = dataclasses.field(default_factory=dict)


# --- the table --------------------------------------------------------------------------------------------


def bench(name, counter=None):
    return Micro("grove_bench", name, counter=counter)


def hello_peers(connections):
    raw = {
        "Asio co_await": ["peer_asio_hello", "co_await"],
        "Asio spawn": ["peer_asio_hello", "spawn"],
        "State Threads": ["peer_state_threads_hello"],
        "Go": ["go_server", "-raw"],
        "gevent": ["python_server.py", "--model", "gevent_raw"],
    }
    return {name: CpuPerRequest(*words, connections=connections) for name, words in raw.items()}


COUNTED_AS_FREE = ["echo/ready", "echo/tcp", "timer/sleep/real_time", "event/ping_pong", "lock/contended", "lock/uncontended",
                   "semaphore/ping_pong", "queue/round_trip", "queue/put_get"]

SWITCHES = "switches, beside N waiting greenlets"
SPAWNS = "spawn + run + join, beside N waiting greenlets"
QUEUES = "queue round trip, beside N waiting greenlets"
UNCONTENDED = "uncontended primitives and checkpoint, beside N waiting greenlets"
TIMERS = "time-out set + cancelled, beside N timers"
OUTSIDE = "offload, a file read and a socket round trip, beside N waiting greenlets"
MEMORY = "memory of one of N parked greenlets"
STARTS = "starting and parking one of N"
RAW = "raw hello, CPU per request, N connections"
HTTP = "HTTP hello, CPU per request, N connections"
CLOSED = "new connection per request, N at a time"
IDLE = "idle HTTP connection, one of N"
LATENCY = "raw hello, p99, N connections"


def with_a_million(name, find, seconds=0):
    """A virtual machine gets its memory from its host at the first touch, which is slow, and may give it back a second
    later. So somebody touches more than either side will, just before."""
    return Output(name, "1000000", find=find, lasts=seconds, after=("page_touch", "1300000"))


MICRO = [
    Row("yield between two ready greenlets, per switch", "ns", bench("switch/yield", "per_switch"), [Times(1.5)],
        Micro("context_jump", "context_jump", counter="per_jump"), "Boost.Context jump",
        {"Asio co_await": Micro("peer_asio", "co_await_yield", counter="per_switch"),
         "Asio spawn": Micro("peer_asio", "spawn_yield", counter="per_switch"),
         "Boost.Fiber": Micro("peer_boost_fiber", "boost_fiber_yield", counter="per_switch"),
         "State Threads": Micro("peer_state_threads", "state_threads_yield", counter="per_switch"),
         "Go": go("Yield", scale=0.5), "gevent": Gevent("yield")}, SWITCHES),
    Row("spawn + run + join, warm pool", "ns", bench("spawn/run_join"), [AtMost(50)],
        Micro("context_jump", "context_make_and_jump"), "Boost.Context, made and jumped to",
        {"Asio co_await": Micro("peer_asio", "co_await_spawn_join"), "Asio spawn": Micro("peer_asio", "spawn_spawn_join"),
         "Boost.Fiber": Micro("peer_boost_fiber", "boost_fiber_spawn_join"),
         "State Threads": Micro("peer_state_threads", "state_threads_spawn_join"),
         "Go": go("SpawnJoin"), "gevent": Gevent("spawn_join"),
         "std::thread": Micro("threads", "thread_spawn_join/real_time")}, SPAWNS),
    Row("queue round trip: two queues, two greenlets", "ns", bench("queue/round_trip"), [AtMost(50)],
        peers={"Asio co_await": Micro("peer_asio", "co_await_round_trip"), "Asio spawn": Micro("peer_asio", "spawn_round_trip"),
               "Boost.Fiber": Micro("peer_boost_fiber", "boost_fiber_round_trip"),
               "State Threads": Micro("peer_state_threads", "state_threads_round_trip"),
               "Go": go("QueueRoundTrip"), "gevent": Gevent("round_trip")}, grows=QUEUES),
    Row("uncontended lock + unlock", "ns", bench("lock/uncontended"), [AtMost(5)], grows=UNCONTENDED, line="lock"),
    Row("uncontended acquire + release", "ns", bench("semaphore/uncontended"), [AtMost(5)], grows=UNCONTENDED,
        line="semaphore"),
    Row("uncontended put + get of an int", "ns", bench("queue/put_get"), [AtMost(5)], grows=UNCONTENDED,
        line="queue put + get"),
    Row("timer set + cancel, 100,000 others pending", "ns", bench("timer/set_and_cancel"), [AtMost(40)], grows=TIMERS),
    Row("checkpoint() when nothing is up", "ns", bench("checkpoint/quiet"), [AtMost(1)], grows=UNCONTENDED,
        line="checkpoint"),
    Row("offload of an empty job, round trip", "ns", bench("offload/empty/real_time"), [Times(1.3)],
        Micro("threads", "futex_and_eventfd_round_trip/real_time"), "futex + eventfd", grows=OUTSIDE),
    Row("offload, burst of 64, per job", "ns", bench("offload/burst/real_time", "per_job"), [AtMost(2000)], grows=OUTSIDE),
    Row("most allocations of a socket read, write, wait, sleep, lock, queue of ints", "", Micro(
        "grove_bench", *COUNTED_AS_FREE, counter="allocs/op"), [AtMost(0)]),
    Row("one of a million parked greenlets, guard page included", "KiB",
        with_a_million("parked", r"([\d.]+) KiB resident", seconds=11), [AtMost(4.8)],
        with_a_million("page_touch", r"([\d.]+) KiB resident", seconds=9), "a touched page",
        {"Go (no guard)": go("Parked", once=True, find=r"([\d.]+) KiB/each"),
         "Boost.Fiber (30,000)": Micro("peer_boost_fiber", "boost_fiber_parked/iterations:1", counter="KiB"),
         "gevent (100,000)": Gevent("parked")}, MEMORY),
    Row("starting and parking one of a million", "ns", with_a_million("parked", r"(\d+) ns each to start"), [Times(1.5)],
        with_a_million("page_touch", r"(\d+) ns each"), "a page touched", grows=STARTS),
    Row("cached 4 KiB file read", "ns", bench("file/cached_read"), [Times(1.15)], bench("file/bare_preadv2"),
        "preadv2(RWF_NOWAIT)", {"pread": bench("file/bare_pread")}, OUTSIDE,
        "cached 4 KiB read"),
    Row("cold 4 KiB file read, 64 at once", "ns", bench("file/cold_reads/real_time", "per_read"), [],
        ColdReadsByFio(), "fio, io_uring", {"64 threads": bench("file/cold_reads_by_threads/real_time", "per_read")}),
]

SERVERS = [
    *(Row(f"raw hello, {n} keep-alive connections, CPU per request", "us", CpuPerRequest("raw_hello", connections=n),
          [Times(1.02)], CpuPerRequest("epoll_hello", connections=n), "epoll loop",
          hello_peers(n) | {"std::thread": CpuPerRequest("thread_hello", connections=n)}, RAW) for n in (64, 512)),
    Row("HTTP hello, 64 connections, CPU per request", "us", CpuPerRequest("hello_server"), [Times(1.2), Times(1, "nginx")],
        CpuPerRequest("epoll_hello"), "epoll loop",
        {"nginx": CpuPerRequest("nginx_hello"), "Go net/http": CpuPerRequest("go_server"),
         "gevent pywsgi": CpuPerRequest("python_server.py", "--model", "gevent")}, HTTP),
    Row("system calls per keep-alive request, without epoll_wait", "", SystemCalls("raw_hello"), [AtMost(2.01)],
        SystemCalls("epoll_hello"), "epoll loop",
        {"nginx": SystemCalls("nginx_hello"), "Go": SystemCalls("go_server", "-raw")}),
    Row("new connection per request, CPU per request", "us", CpuPerRequest("raw_hello", "--close"), [Times(1.1)],
        CpuPerRequest("epoll_hello", "--close"), "epoll loop",
        {"HTTP by grove": CpuPerRequest("hello_server", close=True), "nginx": CpuPerRequest("nginx_hello", close=True),
         "Go net/http": CpuPerRequest("go_server", close=True)}, CLOSED),
    Row("idle HTTP keep-alive connection, 8,000 of them", "KiB", IdleConnections("hello_server", connections=8000), [AtMost(6)],
        peers={"nginx": IdleConnections("nginx_hello", connections=8000),
               "Go net/http": IdleConnections("go_server", connections=8000),
               "gevent pywsgi": IdleConnections("python_server.py", "--model", "gevent", connections=8000)}, grows=IDLE),
    Row("raw hello, 8,000 connections at once, p99", "ms", P99("raw_hello", connections=8000),
        [Times(0.93, "Go"), NoErrors()], P99("epoll_hello", connections=8000), "epoll loop",
        {"Go": P99("go_server", "-raw", connections=8000), "std::thread": P99("thread_hello", connections=8000)}, LATENCY),
    *(Row(f"{what} beside 64 connections, p99", "ms",
          OpenLoop("compare_server", "--beside", beside, rate=5000, figure="p99_ms"), [Times(limit)],
          OpenLoop("compare_server", rate=5000, figure="p99_ms"), "without it")
      for what, beside, limit in (("one greenlet computing", "greenlet", 3), ("one offload computing", "offload", 1.5))),
    Row("large response, one connection", "MB/s", LargeFile("static_server"), [Times(0.9, "nginx", at_least=True)],
        peers={"nginx": LargeFile("nginx_hello")}),
    *(Row(f"5,000 requests of 50 ms at once, {what}", unit,
          OpenLoop("compare_server", connections=5000, target="/io/50", figure=figure), [Times(limit, at_least=at_least)],
          OpenLoop("compare_server", "--model", "threads", connections=5000, target="/io/50", figure=figure), "threads")
      for what, unit, figure, limit, at_least in (("CPU per request", "us", "cpu_us", 0.35, False),
                                                  ("peak memory", "MiB", "peak_mib", 0.4, False),
                                                  ("throughput", "/s", "per_second", 1, True),
                                                  ("p99", "ms", "p99_ms", 1, False))),
]

PAGES = 4389

CRAWLS = [
    Row("crawl of cppreference on loopback, pages found", "", Crawl("crawler", "pages"), [Same()], Crawl("wget", "pages"), "wget -r"),
    Row("crawl of it, wall time", "s", Crawl("crawler", "seconds"), [Times(0.6)], Crawl("wget", "seconds"), "wget -r"),
    Row("crawl of it, 20 ms each response, 64 connections", "s", Crawl("crawler", "seconds", latency=20),
        [AboveFloor(1.15 * PAGES * 0.020 / 64)], Crawl("crawler", "seconds"), "no latency"),
    Row("crawl of it, peak memory", "MiB", Crawl("crawler", "peak_mib"), [AtMost(64)]),
]

ROWS = MICRO + SERVERS + CRAWLS

# --- growth -----------------------------------------------------------------------------------------------

GREENLETS = [10, 1_000, 100_000, 1_000_000]
CONNECTIONS = [10, 1_000, 8_000]


def beside(key, scale=1.0):
    return lambda n: Beside(n, key, scale=scale)


def by_connections(probe, *words):
    return lambda n: probe(*words, connections=n)


COLD = "Each greenlet has a page of its own: with 100,000 of them these are in no cache, and with a million in no TLB."

GROWTH = [
    Growth(SWITCHES, "ns", GREENLETS,
           {"two take turns": beside("yield", 1 / 2000), "all N take turns": beside("yield_among")},
           {"all N take turns": COLD}),
    Growth(SPAWNS, "ns", GREENLETS, {"spawn + run + join": beside("spawn_join")}),
    Growth(QUEUES, "ns", GREENLETS, {"round trip": beside("queue_round_trip")}),
    Growth(UNCONTENDED, "ns", GREENLETS,
           {"lock": beside("lock"), "semaphore": beside("semaphore"), "queue put + get": beside("queue_put_get"),
            "checkpoint": beside("checkpoint")}),
    Growth(TIMERS, "ns", [10, 1_000, 100_000], {"time-out": lambda n: Beside(n, "timeout", sleeping=True)}),
    Growth(OUTSIDE, "ns", GREENLETS,
           {"offload": beside("offload"), "cached 4 KiB read": beside("cached_read"), "socket round trip": beside("echo")}),
    Growth(MEMORY, "KiB", GREENLETS, {"resident": beside("resident_kib")}),
    Growth(STARTS, "ns", GREENLETS,
           {"start and park": beside("start"), "end, when killed": beside("end"),
            "a page touched": lambda n: Output("page_touch", str(n), find=r"(\d+) ns each", lasts=n * 4e-6)},
           {"start and park": "As the floor does: page faults and page tables.",
            "a page touched": "Page faults: the kernel clears the pages.", "end, when killed": COLD}),
    Growth(RAW, "us", CONNECTIONS,
           {"raw_hello": by_connections(CpuPerRequest, "raw_hello"),
            "epoll loop": by_connections(CpuPerRequest, "epoll_hello")},
           dict.fromkeys(["raw_hello", "epoll loop"],
                         "As the floor does: the more connections, the more requests share an epoll_wait, and the more "
                         "of the kernel's sockets are in no cache.")),
    Growth(HTTP, "us", CONNECTIONS, {"hello_server": by_connections(CpuPerRequest, "hello_server")},
           {"hello_server": "See raw hello: sockets and stacks in no cache."}),
    Growth(CLOSED, "us", CONNECTIONS[:2],
           {"raw_hello --close": by_connections(CpuPerRequest, "raw_hello", "--close"),
            "epoll loop": by_connections(CpuPerRequest, "epoll_hello", "--close")},
           dict.fromkeys(["raw_hello --close", "epoll loop"], "As the floor does.")),
    Growth(IDLE, "KiB", CONNECTIONS, {"hello_server": by_connections(IdleConnections, "hello_server")},
           {"hello_server": "With ten, what a server needs but once shows."}),
    Growth(LATENCY, "ms", CONNECTIONS,
           {"raw_hello": by_connections(P99, "raw_hello"), "epoll loop": by_connections(P99, "epoll_hello")},
           dict.fromkeys(["raw_hello", "epoll loop"],
                         "Closed loops: who asks waits for all that asked before, so latency is connections / throughput.")),
]

LINES = {growth.name: list(growth.lines) for growth in GROWTH}
for row in ROWS:
    row.line = row.line or LINES.get(row.grows, [""])[0]
    if row.grows and row.line not in LINES.get(row.grows, []):
        raise SystemExit(f"{row.name}: there is no growth {row.grows}, {row.line}")


def chosen(entries, pattern):
    return [entry for entry in entries if re.search(pattern, entry.name)]
