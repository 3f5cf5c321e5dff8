"""Marks of owners who wait for a rollout to turn back: files in /run/beacon/halts, locked while they wait."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from beacon.errors import BeaconError
from beacon.model.rollout.halt import Halt
from beacon.state.lock import locked

_CHECK_EVERY = 1.0
"""Seconds within which who looks at a mark lets go of it: to look is to lock it for a moment."""


class Halts:
    """The marks of one scope, below its *runtime* folder."""

    def __init__(self, runtime: Path) -> None:
        self._folder = runtime / "halts"

    @contextlib.contextmanager
    def asked(self, service: str, halt: Halt) -> Iterator[None]:
        """Have a rollout of *service* turn back while the block runs; if that cannot be noted, it goes on."""
        with contextlib.ExitStack() as mark:
            with contextlib.suppress(BeaconError):  # a full /run, or somebody asks for the same already
                mark.enter_context(locked(self._folder, _name(service, halt), wait=_CHECK_EVERY))
                mark.callback(self._path(service, halt).unlink, missing_ok=True)
            yield

    def of(self, service: str) -> Halt | None:
        """Return what somebody waits to do with *service*; a mark that a kill left behind is none."""
        return next((halt for halt in Halt if _is_locked(self._path(service, halt))), None)

    def _path(self, service: str, halt: Halt) -> Path:
        return self._folder / f"{_name(service, halt)}.lock"


def _name(service: str, halt: Halt) -> str:
    return f"{service}.{halt}"  # services' names have no full stops


def _is_locked(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)
