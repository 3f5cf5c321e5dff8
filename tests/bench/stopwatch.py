"""Time commands as whole processes, on a test host: run there by its own Python, without anything of Beacon.

Reads {"runs": N, "warmups": N, "commands": [[word, ...], ...]} from standard input and answers with the runs
of each command, which take turns, so that a machine that slows down meanwhile slows them all down. Before
each turn it waits for a calm moment, PATIENCE seconds in all, in which no process waits for a processor.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
import time

PATIENCE = 45.0
SAMPLE = 0.25
CALM = 0.05


def pressure() -> int:
    """Return for how many microseconds processes have waited for a processor (proc/pressure), if known."""
    with contextlib.suppress(OSError), open("/proc/pressure/cpu") as file:  # noqa: PTH123 (a device)
        found = re.search(r"total=(\d+)", file.readline())
        return int(found[1]) if found else 0
    return 0


def await_calm(deadline: float) -> None:
    """Return when nobody else wants the processors, or at *deadline*."""
    while time.monotonic() < deadline:
        before = pressure()
        time.sleep(SAMPLE)
        if pressure() - before < CALM * SAMPLE * 1e6:
            return


def measure(command: list[str]) -> dict[str, object]:
    """Run *command* once: seconds, seconds of processor time, peak memory in MiB, status and output."""
    with tempfile.TemporaryFile() as output, open(os.devnull) as nothing:  # noqa: PTH123 (a device)
        began = time.monotonic()
        pid = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(pid, 0)
        seconds = time.monotonic() - began
        output.seek(0)
        return {
            "seconds": seconds,
            "cpu": usage.ru_utime + usage.ru_stime,
            "mib": usage.ru_maxrss / 1024,
            "status": os.waitstatus_to_exitcode(status),
            "output": output.read(100_000).decode(errors="replace"),
        }


def main() -> None:
    """Do what standard input asks for."""
    asked = json.load(sys.stdin)
    runs: list[list[dict[str, object]]] = [[] for _ in asked["commands"]]
    deadline = time.monotonic() + PATIENCE
    for number in range(asked["warmups"] + asked["runs"]):
        await_calm(deadline)
        for command, kept in zip(asked["commands"], runs, strict=True):
            run = measure(command)
            if number >= asked["warmups"]:
                kept.append(run)
    json.dump(runs, sys.stdout)


if __name__ == "__main__":
    main()
