"""Who hears of an operation while it runs. Losing the listener never touches the operation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from msgspec import Struct

from beacon.model.reference import ImageReference
from beacon.model.rollout.record import StepKind
from beacon.wire.note import NoteInfo


class Note(Struct, frozen=True, tag="note"):
    """Something that happens to a service, in words."""

    service: str
    text: str


class StepBegan(Struct, frozen=True, tag="step"):
    """A step of a service's rollout that begins; None says that the rollout has ended."""

    service: str
    step: StepKind | None


class Waiting(Struct, frozen=True, tag="waiting"):
    """What is waited for, for so many *seconds* now and *limit* at the most; without it, the wait is over.

    Without a service it is the operation that waits.
    """

    service: str
    what: str = ""
    seconds: float = 0.0
    limit: float | None = None


class Pulling(Struct, frozen=True, tag="pulling"):
    """An image that is being pulled for a service: how many bytes have come, of how many that have to.

    Layers that are on disk already do not count. None where one of the two is not known (yet).
    """

    service: str
    image: ImageReference
    done: int | None = None
    total: int | None = None


class Pulled(Struct, frozen=True, tag="pulled"):
    """The end of a pull, whether it went well or not."""

    service: str
    image: ImageReference


class Carried(Struct, frozen=True, tag="carried"):
    """What a service does not carry over of the container whose place it is about to take, or otherwise."""

    report: tuple[NoteInfo, ...]


Progress = Note | StepBegan | Waiting | Pulling | Pulled | Carried


class Listener(Protocol):
    """Hears of progress, from any thread."""

    def hear(self, progress: Progress) -> None:
        """Take note of *progress*; whatever this raises ends the listening, not the operation."""


@runtime_checkable
class Cancelable(Protocol):
    """A listener that can have enough of it."""

    def hear(self, progress: Progress) -> None:
        """Take note of *progress*."""

    def is_canceled(self) -> bool:
        """Say whether the operation is not wanted any more; asked between steps and inside waits."""


class Nobody:
    """The listener of an operation that nobody watches."""

    def hear(self, progress: Progress) -> None:
        """Do nothing."""
        del progress


@contextlib.contextmanager
def waited(listener: Listener, service: str, what: str, limit: float | None = None) -> Iterator[None]:
    """Have a listener know that the block waits for something, of which it hears no more until it ends."""
    report(listener, Waiting(service, what, limit=limit))
    try:
        yield
    finally:
        report(listener, Waiting(service))


def report(listener: Listener, progress: Progress) -> bool:
    """Report *progress* to a listener, and say whether it could listen; a closed pipe ends nothing."""
    try:
        listener.hear(progress)
    except (Exception, SystemExit):  # noqa: BLE001  # whatever it is, it is the listener's
        return False
    return True
