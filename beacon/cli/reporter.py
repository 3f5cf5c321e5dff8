"""Who hears of a rollout: the system journal of every decision, the terminal of what goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from beacon.cli.output import Output
    from beacon.model.event import Event
    from beacon.model.host import Scope
    from beacon.model.reference import ImageReference

_LAYER = "Copying blob"


class TerminalReporter:
    """Shows pulls as they come along: a moving line on a terminal, a plain one elsewhere."""

    def __init__(self, output: Output, scope: Scope) -> None:
        self._output = output
        self._scope = scope
        self._lock = threading.Lock()
        self._live: Progress | None = None
        self._pulls = 0

    def event(self, event: Event) -> None:
        """Write *event* to the journal."""
        from beacon.systemd.journal import log_event

        log_event(event, self._scope)

    def note(self, service: str, line: str) -> None:
        """Print a line."""
        self._output.say(f"{service}: {line}")

    @contextmanager
    def pulling(self, service: str, image: ImageReference) -> Iterator[Callable[[str], None]]:
        """Show that *image* is being pulled while the block runs."""
        if not self._output.is_terminal or self._output.quiet:
            self._output.say(f"{service}: pulling {image}")
            yield _ignore
            return
        live = self._enter()
        task = live.add_task(f"{service}: pulling {image.name}", total=None)
        layers = 0

        def hear(line: str) -> None:
            nonlocal layers
            layers += line.startswith(_LAYER)
            live.update(task, description=f"{service}: pulling {image.name}, {layers} layers")

        try:
            yield hear
        finally:
            live.remove_task(task)
            self._leave()

    def _enter(self) -> Progress:
        """Return the display that all pulls share; the first starts it."""
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            self._pulls += 1
            if self._live is None:
                console = Console(stderr=True, no_color=not self._output.colour)
                columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
                self._live = Progress(*columns, console=console, transient=True)
                self._live.start()
            return self._live

    def _leave(self) -> None:
        with self._lock:
            self._pulls -= 1
            if self._pulls == 0 and self._live is not None:
                self._live.stop()
                self._live = None


def _ignore(line: str) -> None:
    """Engines tell more than a log should hold."""
    del line
