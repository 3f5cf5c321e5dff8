"""The terminal as a listener: a moving line for pulls, a plain one elsewhere."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from beacon.operations.listener import Note, Progress, Pulled, Pulling

if TYPE_CHECKING:
    from rich.progress import Progress as Display
    from rich.progress import TaskID

    from beacon.cli.output import Output


class TerminalListener:
    """Shows what goes on: on a terminal each pull has a line that moves."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._display: Display | None = None
        self._pulls: dict[str, TaskID] = {}

    def hear(self, progress: Progress) -> None:
        """Show *progress*."""
        match progress:
            case Note(service, text):
                self._output.say(f"{service}: {text}")
            case Pulling():
                self._show(progress)
            case Pulled(service):
                self._end(service)

    def _show(self, pull: Pulling) -> None:
        if not self._output.is_terminal or self._output.quiet:
            if not pull.layers:
                self._output.say(f"{pull.service}: pulling {pull.image}")
            return
        layers = f", {pull.layers} layers" if pull.layers else ""
        description = f"{pull.service}: pulling {pull.image.name}{layers}"
        with self._lock:
            display = self._display or self._start()
            if pull.service in self._pulls:
                display.update(self._pulls[pull.service], description=description)
            else:
                self._pulls[pull.service] = display.add_task(description, total=None)

    def _start(self) -> Display:
        """Return the display that all pulls share."""
        # 60 ms that only a pull at a terminal pays for.
        from rich.console import Console
        from rich.progress import Progress as Display
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True, no_color=not self._output.colour)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._display = Display(*columns, console=console, transient=True)
        self._display.start()
        return self._display

    def _end(self, service: str) -> None:
        with self._lock:
            task = self._pulls.pop(service, None)
            if task is None or self._display is None:
                return
            self._display.remove_task(task)
            if not self._pulls:
                self._display.stop()
                self._display = None
