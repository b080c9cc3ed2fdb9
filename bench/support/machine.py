"""The machine that figures come from, and whether it is quiet enough for them."""

import os
import pathlib
import platform
import re
import subprocess
import time


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return f"no {command[0]}"


def describe():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}, Linux {platform.release()}"


def compiler():
    return first_line("g++", "--version")


def load_average():
    return os.getloadavg()[0]


def busy_cores(seconds=1.0):
    """How many cores others keep busy."""
    def busy():
        fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        return sum(fields[:8]) - fields[3] - fields[4]  # without idle and iowait

    before = busy()
    time.sleep(seconds)
    return (busy() - before) / os.sysconf("SC_CLK_TCK") / seconds
