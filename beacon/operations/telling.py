"""What a rollout tells: its decisions go to the journal, its progress to a listener."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from beacon.model.event import Event
from beacon.model.host import Scope
from beacon.model.reference import ImageReference
from beacon.operations.listener import Listener, Nobody, Note, Progress, Pulled, Pulling, tell
from beacon.systemd.journal import log_event

_LAYER = "Copying blob"
"""How Podman's lines begin that announce a layer."""


class Telling:
    """Tells a listener of a rollout's progress, and the journal of its decisions (a Reporter of rollouts)."""

    def __init__(self, listener: Listener, scope: Scope) -> None:
        self._listener: Listener = listener
        self._scope = scope

    def event(self, event: Event) -> None:
        """Write *event* to the journal."""
        log_event(event, self._scope)

    def note(self, service: str, line: str) -> None:
        """Tell the listener a sentence about *service*."""
        self.tell(Note(service, line))

    @contextlib.contextmanager
    def pulling(self, service: str, image: ImageReference) -> Iterator[Callable[[str], None]]:
        """Tell of a pull while the block runs; it is handed what takes the engine's lines."""
        layers = 0
        self.tell(Pulling(service, image))

        def read(line: str) -> None:
            nonlocal layers
            if line.startswith(_LAYER):
                layers += 1
                self.tell(Pulling(service, image, layers))

        try:
            yield read
        finally:
            self.tell(Pulled(service, image))

    def tell(self, progress: Progress) -> None:
        """Tell the listener, who is asked no more once it could not listen: a closed pipe, a closed tab."""
        if not tell(self._listener, progress):
            self._listener = Nobody()
