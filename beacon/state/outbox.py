"""Events on their way to the journal and to targets: each is on disk until logged, so that no kill loses one.

An event about a change of a service's state is recorded before that state is saved, and the state
names it: what a kill leaves behind is logged if the state has come to name it, and dropped if it has not.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import BeaconError
from beacon.model.event import Event, EventKind
from beacon.model.reference import Digest
from beacon.model.release import ServiceState
from beacon.state.files import PRIVATE, read_text, write_atomic
from beacon.state.store import DECODING


class States(Protocol):
    """The states of services."""

    def load(self, name: str) -> ServiceState:
        """Return the state of a service."""

    def save(self, state: ServiceState) -> None:
        """Replace it durably."""


class _Entry(Struct, frozen=True):
    """An event as its file has it; *kind* is a name of EventKind."""

    kind: str
    service: str
    message: str
    release: int | None
    digest: Digest | None
    previous_digest: Digest | None
    with_state: bool
    """Whether it is true only if the service's state names it."""

    @classmethod
    def of(cls, event: Event, *, with_state: bool) -> _Entry:
        return cls(
            event.kind.name,
            event.service,
            event.message,
            event.release,
            event.digest,
            event.previous_digest,
            with_state,
        )

    @property
    def event(self) -> Event:
        return Event(
            EventKind[self.kind], self.service, self.message, self.release, self.digest, self.previous_digest
        )


class Outbox:
    """Records events below *folder*, and hands each of them with its id to *logs*; *states* are as saved."""

    def __init__(self, folder: Path, states: States, *logs: Callable[[Event, str], None]) -> None:
        self._folder = folder
        self._states = states
        self._logs = logs

    def log(self, event: Event, saving: ServiceState | None = None) -> None:
        """Record *event*, save the state that it is about, if there is one, and log it.

        The caller holds the lock of a service whose state it saves. An event that cannot be recorded (a full
        disk) is logged all the same. MachineError where the state cannot be saved: then nothing is logged.
        """
        name = f"{time.time_ns():016x}{os.urandom(8).hex()}"  # as of sd-id128(3), the oldest first
        if saving is not None:
            self.log_left(saving.name)  # the state names its last event only
        with self._recorded(name, _Entry.of(event, with_state=saving is not None)):
            if saving is not None:
                self._states.save(replace(saving, event=name))
            self._pass_on(event, name)

    def _pass_on(self, event: Event, name: str) -> None:
        for log in self._logs:
            log(event, name)

    def log_left(self, service: str | None = None) -> None:
        """Log what a kill has left, of one service or of all; what another process logs is left alone."""
        for path in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(OSError, BeaconError), _held(path) as is_mine:
                if is_mine:
                    self._settle(path, service)

    def _settle(self, path: Path, service: str | None) -> None:
        entry = _read(path)
        if entry is not None and service not in {None, entry.service}:
            return
        if entry is not None and (not entry.with_state or self._is_named(entry.service, path.stem)):
            self._pass_on(entry.event, path.stem)
        path.unlink()

    def _is_named(self, service: str, name: str) -> bool:
        return self._states.load(service).event == name

    @contextlib.contextmanager
    def _recorded(self, name: str, entry: _Entry) -> Iterator[None]:
        """Have an entry on disk while the block runs, held by this process; a failure leaves it there."""
        path = self._folder / f"{name}.json"
        with contextlib.ExitStack() as held:

            def hold(new: Path) -> None:
                held.enter_context(_held(new))

            with contextlib.suppress(BeaconError):
                write_atomic(path, msgspec.json.encode(entry), mode=PRIVATE, check=hold)
            yield
            with contextlib.suppress(OSError):  # it is logged twice then, which its id shows
                path.unlink()


@contextlib.contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Hold an entry while the block runs, as far as no other process does and it was not logged already."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield os.fstat(handle).st_nlink > 0
    finally:
        os.close(handle)


def _read(path: Path) -> _Entry | None:
    """Return the entry at *path*; None where it is damaged, or of a kind that only a newer Beacon knows."""
    text = read_text(path)
    try:
        with DECODING:
            entry = msgspec.json.decode(text or "", type=_Entry)
    except msgspec.MsgspecError:
        return None
    return entry if entry.kind in EventKind.__members__ else None
