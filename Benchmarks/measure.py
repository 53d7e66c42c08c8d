"""Runs commands in turn and counts what they took."""

import contextlib
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Nothing of the caller's settings reaches the tools but the search path.
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/root", "LC_ALL": "C", "SOURCE_DATE_EPOCH": "0"}


def executable(name):
    """A release executable."""
    return os.path.join(HERE, "..", ".build", "release", name)


def load():
    return f"{os.getloadavg()[0]:.1f}"


class Candidate:
    """A command that is measured: `prepare` comes before the clock, and what it makes is removed after."""

    def __init__(self, name, command, stdin=None, prepare=None, made=()):
        self.name, self.command, self.stdin = name, command, stdin
        self.prepare, self.made = prepare, made
        self.wall, self.cpu, self.peak, self.output = [], [], [], 0

    def run(self, work):
        if self.prepare:
            self.prepare()
        # What others have left to write must not slow this one down.
        os.sync()
        times = os.path.join(work, "times")
        environment = dict(ENVIRONMENT, TMPDIR=work)
        with contextlib.ExitStack() as stack:
            if self.stdin is None:
                source = subprocess.DEVNULL
            elif isinstance(self.stdin, list):
                feeder = stack.enter_context(subprocess.Popen(self.stdin, stdout=subprocess.PIPE, env=environment))
                source = feeder.stdout
            else:
                source = stack.enter_context(open(self.stdin, "rb"))
            done = subprocess.run(
                ["/usr/bin/time", "-o", times, "-f", "%e %U %S %M", *self.command], stdin=source,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, check=False)
        if done.returncode != 0:
            sys.exit(f"Benchmarks/run: {self.name}: {done.stderr.decode(errors='replace')}")
        with open(times) as file:
            wall, user, system, peak = file.read().split()
        self.wall.append(float(wall))
        self.cpu.append(float(user) + float(system))
        self.peak.append(int(peak) / 1024)
        self.output = sum(size_of(path) for path in self.made)
        for path in self.made:
            subprocess.run(["rm", "-rf", path], check=True)


def size_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(path) for name in names)


def alternate(candidates, work, rounds):
    for _ in range(rounds):
        for candidate in candidates:
            candidate.run(work)
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def show(candidates, baseline, input_size):
    """Medians; the ratios are of the baseline's to the candidate's: more is better."""
    print(f"medians of {len(candidates[0].wall)} rounds, load {load()}; ratios to {baseline.name}")
    heads = ("wall s", "range", "CPU s", "cores", "MB/s", "peak MiB", "output MB", "wall x", "CPU x")
    print(f"{'':28}" + "".join(f"{head:>11}" for head in heads))
    for one in candidates:
        wall, cpu = statistics.median(one.wall), statistics.median(one.cpu)
        cells = (
            f"{wall:.2f}", f"{min(one.wall):.1f}-{max(one.wall):.1f}", f"{cpu:.2f}", f"{cpu / wall:.2f}",
            f"{input_size / 1e6 / wall:.0f}", f"{max(one.peak):.0f}", f"{one.output / 1e6:.0f}",
            f"{statistics.median(baseline.wall) / wall:.2f}", f"{statistics.median(baseline.cpu) / cpu:.2f}")
        print(f"{one.name:28}" + "".join(f"{cell:>11}" for cell in cells), flush=True)
