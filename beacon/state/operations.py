"""Operations under way, for other processes to watch and to cancel: files in /run/beacon/operations.

Of each there is its record, the lines of its progress, and a mark once somebody wants it canceled. Its
lock is held as long as it runs: what a kill leaves behind is known by that, and cleared away.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from beacon.errors import BeaconError
from beacon.state.files import PRIVATE, read_text, write_atomic
from beacon.state.lock import holders, locked

_PAUSE = 0.1
_SORTS = ("json", "progress", "cancel", "lock")


class Operation(Struct, frozen=True):
    """An operation under way: what it does, to which services (all of them if none is named), since when."""

    id: str
    verb: str
    services: tuple[str, ...]
    pid: int
    started: str
    """RFC 3339 in UTC."""


class RunningOperation:
    """One operation, as the process sees it that runs it."""

    def __init__(self, progress: Path, mark: Path) -> None:
        self._progress = progress
        self._mark = mark

    def add_line(self, line: str) -> None:
        """Add a line to its progress; a full /run is no reason to end anything."""
        with contextlib.suppress(OSError):
            handle = os.open(self._progress, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
            try:
                os.write(handle, f"{line}\n".encode())
            finally:
                os.close(handle)

    def is_canceled(self) -> bool:
        """Say whether somebody canceled it."""
        return self._mark.exists()


class Operations:
    """The operations of one scope, below its *runtime* folder."""

    def __init__(self, runtime: Path) -> None:
        self._folder = runtime / "operations"

    @contextlib.contextmanager
    def begun(self, verb: str, services: tuple[str, ...], now: str) -> Iterator[RunningOperation]:
        """Have an operation known while the block runs; if that cannot be written, it runs all the same."""
        name = os.urandom(8).hex()
        record = Operation(name, verb, services, os.getpid(), now)
        running = RunningOperation(self._path(name, "progress"), self._path(name, "cancel"))
        with contextlib.ExitStack() as ended:
            with contextlib.suppress(OSError, BeaconError):  # a full /run, say: then nobody can watch it
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._sweep()
                ended.callback(self._remove, name)
                ended.enter_context(locked(self._folder, name))
                running.add_line("")
                data = msgspec.json.encode(record)
                write_atomic(self._path(name, "json"), data, mode=PRIVATE, durable=False)
            yield running

    def all(self) -> tuple[Operation, ...]:
        """Return the operations under way, the oldest first."""
        records = (self._read(path.stem) for path in self._folder.glob("*.json"))
        found = [one for one in records if one is not None and self._is_running(one.id)]
        return tuple(sorted(found, key=lambda one: (one.started, one.id)))

    def cancel(self, name: str) -> bool:
        """Have an operation canceled; say whether it is under way."""
        if not self.is_under_way(name):
            return False
        write_atomic(self._path(name, "cancel"), b"", mode=PRIVATE, durable=False)
        return True

    def is_under_way(self, name: str) -> bool:
        """Say whether there is such an operation; a *name* that leads elsewhere is none."""
        return name in {one.id for one in self.all()}

    def lines(self, name: str, wait: Callable[[float], None] = time.sleep) -> Iterator[str]:
        """Yield the lines of an operation, also of what comes, until it ends."""
        try:
            progress = self._path(name, "progress").open(encoding="utf-8")
        except FileNotFoundError:
            return
        with progress:
            rest = ""
            while True:
                is_running = self._is_running(name)
                rest += progress.read()
                *whole, rest = rest.split("\n")
                yield from filter(None, whole)
                if not is_running:
                    return
                wait(_PAUSE)

    def _path(self, name: str, sort: str) -> Path:
        return self._folder / f"{name}.{sort}"

    def _read(self, name: str) -> Operation | None:
        text = read_text(self._path(name, "json"))
        try:
            return None if text is None else msgspec.json.decode(text, type=Operation)
        except msgspec.MsgspecError:
            return None

    def _is_running(self, name: str) -> bool:
        """Say whether somebody holds its lock; nobody else ever takes it."""
        try:
            return bool(holders(self._path(name, "lock").stat()))
        except FileNotFoundError:
            return False

    def _sweep(self) -> None:
        for path in self._folder.glob("*.json"):
            if not self._is_running(path.stem):
                self._remove(path.stem)

    def _remove(self, name: str) -> None:
        for sort in _SORTS:
            with contextlib.suppress(OSError):
                self._path(name, sort).unlink()
