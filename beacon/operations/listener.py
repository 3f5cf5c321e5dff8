"""Who hears of an operation while it runs. Losing the listener never touches the operation."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from beacon.model.reference import ImageReference


class Note(Struct, frozen=True):
    """Something that happens to a service, in words."""

    service: str
    text: str


class Pulling(Struct, frozen=True):
    """An image that is being pulled for a service; *layers* have been announced so far."""

    service: str
    image: ImageReference
    layers: int = 0


class Pulled(Struct, frozen=True):
    """The end of a pull, whether it went well or not."""

    service: str
    image: ImageReference


Progress = Note | Pulling | Pulled


class Listener(Protocol):
    """Hears of progress, from any thread."""

    def hear(self, progress: Progress) -> None:
        """Take note of *progress*; whatever this raises ends the listening, not the operation."""


class Nobody:
    """The listener of an operation that nobody watches."""

    def hear(self, progress: Progress) -> None:
        """Do nothing."""
        del progress


def tell(listener: Listener, progress: Progress) -> bool:
    """Tell a listener, and say whether it could listen: a closed pipe or a closed tab ends nothing."""
    try:
        listener.hear(progress)
    except Exception:  # noqa: BLE001  # whatever it is, it is the listener's
        return False
    return True
