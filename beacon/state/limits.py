"""Until when registries want to be left alone: one file, which is only a cache."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct, field

from beacon.errors import BeaconError
from beacon.state.files import PRIVATE, read_text, write_atomic

VERSION = 1
LONGEST = 6 * 3600.0
"""Seconds: the window of Docker Hub's limit. What asks for more is asked again all the same."""


class _Limit(Struct, frozen=True):
    """Patience was asked for at *at*, for *seconds*."""

    at: datetime
    seconds: float


class _Limits(Struct, frozen=True):
    version: int = VERSION
    registries: Mapping[str, _Limit] = field(default_factory=dict)


class KeptLimits:
    """What registries have asked for, in the file *path*; where that cannot be used, nothing is known."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()

    def left(self, registry: str) -> float:
        """Return for how many seconds *registry* still wants to be left alone."""
        with self._lock:
            limit = self._load().get(registry)
        return self._left(limit) if limit is not None else 0.0

    def note(self, registry: str, seconds: float) -> None:
        """Remember that it wants to be left alone for *seconds* from now on."""
        with self._lock:
            limits = dict(self._load())
            limits[registry] = _Limit(self._now(), min(seconds, LONGEST))
            self._save(limits)

    def forget(self, registry: str) -> None:
        """Remember nothing of a registry any more: who asks now is somebody else to it."""
        with self._lock:
            limits = dict(self._load())
            if limits.pop(registry, None) is not None:
                self._save(limits)

    def _left(self, limit: _Limit) -> float:
        passed = (self._now() - limit.at).total_seconds()
        # A clock that was set back says nothing of how long it has been.
        return max(0.0, min(limit.seconds, LONGEST) - passed) if passed >= 0 else 0.0

    def _load(self) -> Mapping[str, _Limit]:
        with contextlib.suppress(BeaconError, msgspec.MsgspecError):
            found = msgspec.json.decode(read_text(self._path) or "{}", type=_Limits)
            if found.version == VERSION:
                return {
                    name: one for name, one in found.registries.items() if one.at.tzinfo and self._left(one)
                }
        return {}

    def _save(self, limits: Mapping[str, _Limit]) -> None:
        with contextlib.suppress(BeaconError):
            data = msgspec.json.encode(_Limits(registries=limits))
            write_atomic(self._path, msgspec.json.format(data, indent=1), mode=PRIVATE, durable=False)
