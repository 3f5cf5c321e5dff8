"""A store of endpoints in memory, whose keys expire."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from beacon.endpoints.routing.publisher import Change, Entry
from beacon.errors import StoreError


class MemoryStore:
    """A store in memory, which can be away, and can be full."""

    where = "memory"

    def __init__(self) -> None:
        self.away = False
        self.full = False
        self.writes: list[Change] = []
        self._entries: dict[str, tuple[str, float | None]] = {}

    @property
    def values(self) -> dict[str, str]:
        """What is there now."""
        now = time.monotonic()
        return {key: value for key, (value, end) in self._entries.items() if end is None or now < end}

    def set(self, key: str, value: str) -> None:
        """Write a key as somebody else."""
        self._entries[key] = (value, None)

    def forget(self) -> None:
        """Be empty, as after a restart."""
        self._entries.clear()

    def read(self, keys: Collection[str]) -> Mapping[str, str]:
        self._answer()
        return {key: value for key, value in self.values.items() if key in keys}

    def write(self, change: Change) -> None:
        self._answer()
        self.writes.append(change)
        for key in change.delete:
            self._entries.pop(key, None)
        put = dict(change.renew) if self.full else {**change.renew, **change.put}
        for key, entry in put.items():
            self._put(key, entry)
        if self.full and change.put:
            raise StoreError("memory is full")

    def _put(self, key: str, entry: Entry) -> None:
        self._entries[key] = (entry.value, time.monotonic() + entry.expire if entry.expire else None)

    def _answer(self) -> None:
        if self.away:
            raise StoreError("cannot reach memory")
