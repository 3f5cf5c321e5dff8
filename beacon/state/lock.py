"""Locks between Beacon processes: flock(2), so that a killed holder never leaves one behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from beacon.errors import AccessError, BusyError, HostError

_POLL = 0.1


@contextlib.contextmanager
def locked(folder: Path, name: str, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock *name* of *folder* while the block runs; BusyError after *wait* seconds in vain."""
    path = folder / f"{name}.lock"
    handle = _open(path)
    try:
        _acquire(handle, name, wait)
        with contextlib.suppress(OSError):  # a full /run: who holds the lock is only for the message
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except PermissionError as error:
        raise AccessError(f"cannot lock {path}: permission denied", hint="run this with sudo") from error
    except OSError as error:
        raise HostError(f"cannot lock {path}: {error.strerror}") from error


def _acquire(handle: int, name: str, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
                by = f" (process {holder})" if holder else ""
                raise BusyError(
                    f"another beacon{by} is at work on {name!r}", hint="try again when it is done"
                ) from None
            time.sleep(_POLL)
        else:
            return
