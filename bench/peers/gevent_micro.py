#!/usr/bin/python3
"""bench switch/yield, spawn/run_join and queue/round_trip with gevent: gevent_micro.py yield|spawn_join|round_trip|parked

Prints nanoseconds; parked: KiB resident of each of 100,000 greenlets.
"""

import pathlib
import re
import sys
import time

import gevent
import gevent.event
import gevent.queue


def per_round(operation, seconds=0.3):
    rounds, batch, start = 0, 100, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(batch):
            operation()
        rounds += batch
    return (time.perf_counter() - start) / rounds * 1e9


def yield_():
    def take_turns():
        while True:
            gevent.sleep(0)

    gevent.spawn(take_turns)
    return per_round(lambda: gevent.sleep(0)) / 2  # two switches


def spawn_join():
    return per_round(lambda: gevent.spawn(int).join())


def round_trip():
    there, back = gevent.queue.Queue(), gevent.queue.Queue()

    def echo():
        while True:
            back.put(there.get())

    def once():
        there.put(1)
        back.get()

    gevent.spawn(echo)
    return per_round(once)


def resident():
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1])


def parked():
    go, before, count = gevent.event.Event(), resident(), 100_000
    greenlets = [gevent.spawn(go.wait) for _ in range(count)]
    gevent.sleep(0)
    each = (resident() - before) / count
    go.set()
    gevent.joinall(greenlets)
    return each


def main():
    jobs = {"yield": yield_, "spawn_join": spawn_join, "round_trip": round_trip, "parked": parked}
    if len(sys.argv) != 2 or sys.argv[1] not in jobs:
        sys.exit(__doc__)
    print(jobs[sys.argv[1]]())


main()
