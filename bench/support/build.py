"""Where things are, and building them."""

import os
import pathlib
import subprocess

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
BIN = ROOT / "build/release/bench"
EXAMPLES = ROOT / "build/release/examples"
PEERS = BENCH / "peers"
GO = ROOT / "build/release/bench/go"
PYTHON = "/usr/bin/python3"  # Debian's, which finds python3-gevent


def quietly(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout}\n{command[0]} failed")


def build():
    """A release build of benchmarks and examples, up to date."""
    quietly("cmake", "--preset", "release", cwd=ROOT)
    quietly("cmake", "--build", "--preset", "release", "--target", "bench/all", "examples/all", cwd=ROOT)


def install(*sections):
    subprocess.run([ROOT / "tests/install-packages", *sections], check=True)


def build_go():
    """go_server, and go_micro: the benchmarks of go_test.go."""
    GO.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"GO111MODULE": "off"}
    quietly("go", "build", "-o", GO / "go_server", "go_server.go", cwd=PEERS, env=environment)
    quietly("go", "test", "-c", "-o", GO / "go_micro", "go_test.go", cwd=PEERS, env=environment)


def has_gevent():
    return subprocess.run([PYTHON, "-c", "import gevent"], capture_output=True).returncode == 0
