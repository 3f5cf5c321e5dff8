"""What is on its way to targets: one file for each of the news, until all were notified."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from beacon.errors import BeaconError
from beacon.model.event import Event
from beacon.model.notifying.news import News, Notified
from beacon.model.notifying.target import TOPICS, Target
from beacon.state.files import PRIVATE, read_text, remove, write_atomic
from beacon.state.store import DECODING

T = TypeVar("T")


class Queue:
    """The news below *folder*; *targets* are those of beacon.toml. What was sent is in *memory*."""

    def __init__(self, folder: Path, memory: Path, targets: Callable[[], Iterable[Target]]) -> None:
        self._folder = folder
        self._memory = memory
        self._targets = targets

    def add(self, event: Event, name: str) -> None:
        """Have targets notified of *event*, whose id is *name*; once, however often it is added.

        What cannot be noted (a full disk) is not sent: no rollout fails for that.
        """
        topic = TOPICS.get(event.kind)
        if topic is None:
            return
        with contextlib.suppress(BeaconError):
            left = tuple(target.name for target in self._targets() if topic in target.events)
            if left:
                at = int(name[:16], 16) / 1e9  # an id of the outbox begins with its time
                images = (event.release, event.digest, event.previous_digest)
                self.put(name, News(topic, event.service, event.message, at, left, *images))

    def put(self, name: str, news: News) -> None:
        """Note *news*, or forget it if no target is left. Raises MachineError."""
        path = self._folder / f"{name}.json"
        if news.left:
            write_atomic(path, msgspec.json.encode(news), mode=PRIVATE)
        else:
            remove(path)

    def read(self) -> dict[str, News]:
        """Return all news by their ids, the oldest first; what is damaged is forgotten."""
        found = {}
        for path in sorted(self._folder.glob("*.json")):
            news = _read(path, News)
            if news is None:
                remove(path)
            else:
                found[path.stem] = news
        return found

    def memory(self) -> Notified:
        """Return what is remembered of targets."""
        return _read(self._memory, Notified) or Notified()

    def remember(self, memory: Notified) -> None:
        """Replace it, durably. Raises MachineError."""
        write_atomic(self._memory, msgspec.json.encode(memory), mode=PRIVATE)


def _read(path: Path, kind: type[T]) -> T | None:
    """Return what is at *path*; None without a file, and where it is damaged or of a newer Beacon."""
    text = read_text(path, errors="replace")
    try:
        with DECODING:
            return msgspec.json.decode(text or "", type=kind)
    except msgspec.MsgspecError:
        return None
