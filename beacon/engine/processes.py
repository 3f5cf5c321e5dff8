"""A command and the processes that it has started: what they read and write, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROC = Path("/proc")


def tree(root: int) -> frozenset[int]:
    """Return *root* and all processes below it, by their parents (proc_pid_stat(5))."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                said = (folder / "stat").read_text(encoding="utf-8", errors="replace")
                children.setdefault(int(said.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    found = {root}
    left = [root]
    while left:
        below = set(children.get(left.pop(), ())) - found
        found |= below
        left += below
    return frozenset(found)


def moved(root: int) -> int | None:
    """Return how many bytes *root*, what is below it, and what has ended there have read and written.

    From files, pipes and the network (proc_pid_io(5)). None where the kernel does not say.
    """
    counts = [bytes_ for pid in tree(root) if (bytes_ := _moved(pid)) is not None]
    return sum(counts) if counts else None


def _moved(pid: int) -> int | None:
    try:
        said = (_PROC / str(pid) / "io").read_text(encoding="ascii")
    except OSError:
        return None
    rows = dict(line.split(": ", 1) for line in said.splitlines())
    return int(rows["rchar"]) + int(rows["wchar"])


def end(process: subprocess.Popen[str], grace: float) -> None:
    """Have *process* end, in *grace* seconds or by SIGKILL, and nothing left of what it has started."""
    with _held(tree(process.pid) - {process.pid}) as others:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for other in others:
            with contextlib.suppress(OSError):  # it has ended by itself
                signal.pidfd_send_signal(other, signal.SIGKILL)


@contextmanager
def _held(pids: frozenset[int]) -> Iterator[tuple[int, ...]]:
    """Yield a descriptor for each process: a number may be another one's soon (pidfd_open(2))."""
    with contextlib.ExitStack() as held:
        descriptors = []
        for pid in pids:
            with contextlib.suppress(OSError):
                descriptors.append(os.pidfd_open(pid))
                held.callback(os.close, descriptors[-1])
        yield tuple(descriptors)
