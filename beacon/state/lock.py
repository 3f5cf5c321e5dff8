"""Locks between Beacon processes: flock(2), so that a killed holder never leaves one behind.

Whoever can open a file can lock it, if only for reading. So the files are their owner's alone; one that
others could open (Beacon made such files once) is replaced, because they may have it open for good.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from beacon.errors import AccessError, BusyError, MachineError

_POLL = 0.1
_OTHERS = 0o077
_MENDING = "_mend"
"""The lock of whoever replaces a file. Beacon never made this one for others to open, and nobody else can."""
_HELD = re.compile(r"^\d+: FLOCK +\S+ +\S+ +(\d+) (\S+) ", re.MULTILINE)


@contextlib.contextmanager
def locked(folder: Path, name: str, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock *name* of *folder* while the block runs; BusyError after *wait* seconds in vain."""
    handle = _take(folder / f"{name}.lock", name, time.monotonic() + wait)
    try:
        with contextlib.suppress(OSError):  # a full /run: who holds the lock is only for the message
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def holders(status: os.stat_result, locks: str | None = None) -> tuple[int, ...]:
    """Return the processes that hold a flock(2) on a file, by /proc/locks (proc_locks(5)).

    Trying to take the lock would be in the way of a process that wants it at that moment.
    """
    text = Path("/proc/locks").read_text(encoding="ascii") if locks is None else locks
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    return tuple(int(pid) for pid, where in _HELD.findall(text) if where == place)


def _take(path: Path, name: str, deadline: float) -> int:
    """Return the file at *path*, open and locked."""
    while True:
        handle = _open(path)
        try:
            status = os.fstat(handle)
            if _is_closed(status):
                _acquire(handle, name, deadline)
                if _is_at(path, status):  # a lock on any other file keeps nobody out
                    return handle
            elif not _replace(path, deadline):
                _pause(handle, name, deadline)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _explained(path, error) from error


def _explained(path: Path, error: OSError) -> AccessError | MachineError:
    if isinstance(error, PermissionError):
        return AccessError(f"cannot lock {path}: permission denied", hint="run this with sudo")
    return MachineError(f"cannot lock {path}: {error.strerror}")


def _is_closed(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS


def _is_at(path: Path, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), status)
    except FileNotFoundError:
        return False


def _replace(path: Path, deadline: float) -> bool:
    """Put a new file in the place of one that others can open; False where a Beacon holds the lock on it.

    That is an older one, which is waited for. What anybody else holds is of no account. One process replaces
    at a time: of two new files one would be locked and not found again.
    """
    guard = _take(path.with_name(f"{_MENDING}.lock"), _MENDING, deadline)
    try:
        status = path.stat()
        if _is_closed(status):
            return True
        if any(_is_ours(pid) for pid in holders(status)):
            return False
        handle, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        closed = _is_closed(os.fstat(handle))
        os.close(handle)
        Path(new).replace(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise _explained(path, error) from error
    finally:
        os.close(guard)
    if not closed:
        raise MachineError(f"cannot lock {path}: its file system does not keep others from it")
    return True


def _is_ours(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}").stat().st_uid == os.geteuid()
    except FileNotFoundError:
        return False


def _acquire(handle: int, name: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _pause(handle, name, deadline)
        else:
            return


def _pause(handle: int, name: str, deadline: float) -> None:
    """Give the holder a moment; BusyError where that has been long enough."""
    if time.monotonic() < deadline:
        time.sleep(_POLL)
        return
    holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
    by = f" (process {holder})" if holder else ""
    raise BusyError(f"another beacon{by} is at work on {name!r}", hint="try again when it is done")
