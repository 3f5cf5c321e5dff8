"""How many pulls go on at once: a registry that hangs must leave room for the others."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from beacon.model.reference import Digest
from beacon.model.release import Release

_AT_ONCE = 4
_OF_REGISTRY = 2
_POLL = 0.5


class Slot(Protocol):
    """A lock, or a semaphore."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002  # theirs
        """Take it."""

    def release(self) -> None:
        """Give it back."""


class PullGate:
    """Lets a few pulls through at a time: fewer from one registry than in all, and one for each image."""

    def __init__(self) -> None:
        self._all = threading.BoundedSemaphore(_AT_ONCE)
        self._registries: dict[str, Slot] = defaultdict(lambda: threading.BoundedSemaphore(_OF_REGISTRY))
        self._images: dict[str, Slot] = defaultdict(threading.Lock)
        self._lining_up: Counter[tuple[str, str]] = Counter()
        """How many pulls wait for an image, by its lock and their registry."""
        self._counting = threading.Lock()

    @contextmanager
    def of_image(self, release: Release, ask: Callable[[], None]) -> Iterator[None]:
        """Keep other threads from the image of *release*; *ask* is called while waiting, and may raise."""
        with ExitStack() as slot:
            with self.lining_up([release]):
                slot.enter_context(_held(self._images[image_names_lock(release.image.image_id)], ask))
            yield

    @contextmanager
    def lining_up(self, releases: Iterable[Release]) -> Iterator[None]:
        """Note that *releases* wait until others of their images have been pulled."""
        places = [_place(release) for release in releases]
        with self._counting:
            self._lining_up.update(places)
        try:
            yield
        finally:
            with self._counting:
                self._lining_up.subtract(places)

    def holds_up_others(self, release: Release) -> bool:
        """Say whether another registry could give its image to who waits until *release* is pulled."""
        lock, registry = _place(release)
        with self._counting:
            return any(
                count and which == lock and other != registry
                for (which, other), count in self._lining_up.items()
            )

    @contextmanager
    def of_registry(self, release: Release, ask: Callable[[], None]) -> Iterator[None]:
        """Wait until the registry of *release* may be asked for an image more."""
        with ExitStack() as slots:
            slots.enter_context(_held(self._registries[release.reference.registry], ask))
            slots.enter_context(_held(self._all, ask))
            yield


def _place(release: Release) -> tuple[str, str]:
    return image_names_lock(release.image.image_id), release.reference.registry


@contextmanager
def _held(slot: Slot, ask: Callable[[], None]) -> Iterator[None]:
    while not slot.acquire(timeout=_POLL):
        ask()
    try:
        yield
    finally:
        slot.release()


def image_names_lock(image_id: Digest) -> str:
    """Return the lock of an image's names, one of 256: for each image a file would be left in /run."""
    return f"_images-{image_id.rpartition(':')[2][:2]}"
