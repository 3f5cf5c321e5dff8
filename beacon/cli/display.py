"""A line that moves for all that goes on; loaded for that at a terminal alone, since rich takes 60 ms."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TaskID
from rich.text import Text as RichText

from beacon.cli.going import Text


class _Line(ProgressColumn):
    """What a task's own function says at each refresh; it is cut off where the terminal ends."""

    def render(self, task: Task) -> RichText:
        """Return the line of *task*."""
        return RichText(task.fields["text"](), no_wrap=True, overflow="ellipsis")


class Display:
    """The lines of all services with which something goes on; they go when that is done."""

    def __init__(self, *, colour: bool) -> None:
        console = Console(stderr=True, no_color=not colour)
        self._lines = Progress(SpinnerColumn(), _Line(), console=console, transient=True)
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}

    def show(self, service: str, text: Text) -> None:
        """Say what goes on with *service*."""
        with self._lock:
            if service in self._tasks:
                self._lines.update(self._tasks[service], text=text)
                return
            if not self._tasks:
                self._lines.start()
            self._tasks[service] = self._lines.add_task("", total=None, text=text)

    def end(self, service: str) -> None:
        """Take the line of *service* away."""
        with self._lock:
            task = self._tasks.pop(service, None)
            if task is None:
                return
            if not self._tasks:
                # With the line still there: without one, rich 13 leaves an empty line behind.
                self._lines.stop()
            self._lines.remove_task(task)
