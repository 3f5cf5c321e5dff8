"""The terminal as a listener: a moving line for all that goes on, a plain one now and then elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from beacon.cli.going import Pull, Text, lasting, waiting
from beacon.cli.interruption import Interruption
from beacon.cli.lines import Lines
from beacon.model.notice import NoteKind
from beacon.model.rollout.record import StepKind
from beacon.operations.listener import Carried, Note, Progress, Pulled, Pulling, StepBegan, Waiting

if TYPE_CHECKING:
    from beacon.cli.output import Output
    from beacon.wire.note import NoteInfo


class Shown(Protocol):
    """What shows the lines of services."""

    def show(self, service: str, text: Text) -> None:
        """Say what goes on with *service*."""

    def end(self, service: str) -> None:
        """Take the line of *service* away."""


MakeDisplay = Callable[[bool], Shown]
"""Makes what has lines move at a terminal, in colour or not."""

_SOON = 1.0
"""Seconds for which a wait has no line: most end before, and what shows lines takes a moment to load."""
_WHOSE = {
    StepKind.BESIDE: "the new release beside the live one: ",
    StepKind.FORMER_START: "the former release: ",
}
"""Which release it is that is waited for, in steps in which that is not the new one, alone."""


class TerminalListener:
    """Shows what goes on: on a terminal each service has a line that moves. Ctrl-C cancels it."""

    def __init__(
        self, output: Output, make: MakeDisplay | None, interruption: Interruption | None = None
    ) -> None:
        self._output = output
        self._interruption = interruption or Interruption()
        self.is_canceled = self._interruption.is_canceled
        self._make = make if output.is_terminal else None
        self._pulls: dict[str, Pull] = {}
        self._steps: dict[str, StepKind] = {}
        self._lock = threading.Lock()
        self._shown: set[str] = set()
        self._coming: dict[str, threading.Timer] = {}

    def hear(self, progress: Progress) -> None:
        """Show *progress*, and note it for whoever interrupts."""
        self._note(progress)
        if self._output.quiet:
            return
        match progress:
            case Note(service, text):
                self._output.say(f"{service}: {text}" if service else text)
            case StepBegan(service, step):
                self._step(service, step)
            case Waiting():
                self._wait(progress)
            case Pulling():
                self._pull(progress)
            case Pulled(service):
                self._end(service)
                self._pulls.pop(service, None)
            case Carried(notes):
                for line in report(notes):
                    self._output.say(line)

    def _note(self, progress: Progress) -> None:
        match progress:
            case Pulling(service):
                self._interruption.begin(service, "pull its image")
            case StepBegan(service, StepKind() as step):
                self._interruption.begin(service, step.sentence)
            case StepBegan(service) | Pulled(service):
                self._interruption.end(service)
            case _:
                pass

    def _step(self, service: str, step: StepKind | None) -> None:
        self._end(service)
        if step is None:
            self._steps.pop(service, None)
        else:
            self._steps[service] = step
            self._show(service, lasting(f"{service}: {step.sentence}"))

    def _wait(self, wait: Waiting) -> None:
        service, step = wait.service, self._steps.get(wait.service)
        if not wait.what:
            self._end(service)
            return
        whose = _WHOSE.get(step, "") if step is not None else ""
        self._show(service, waiting(f"{service}: {whose}" if service else "", wait), soon=True)

    def _pull(self, pull: Pulling) -> None:
        known = self._pulls.setdefault(pull.service, Pull())
        known.hear(pull)
        if pull.done is None and isinstance(self._lines, Lines):
            self._output.say(f"{pull.service}: pulling {pull.image}")
        self._show(pull.service, known.text)

    def _show(self, service: str, text: Text, *, soon: bool = False) -> None:
        with self._lock:
            timer = self._coming.pop(service, None)
            if timer is not None:
                timer.cancel()
            if not soon or service in self._shown:
                self._shown.add(service)
                self._lines.show(service, text)
                return
            timer = self._coming[service] = threading.Timer(_SOON, self._show_now, (service, text))
            timer.daemon = True
            timer.start()

    def _show_now(self, service: str, text: Text) -> None:
        with self._lock:
            if self._coming.get(service) is threading.current_thread():
                del self._coming[service]
                self._shown.add(service)
                self._lines.show(service, text)

    def _end(self, service: str) -> None:
        with self._lock:
            timer = self._coming.pop(service, None)
            if timer is not None:
                timer.cancel()
            if service in self._shown:
                self._shown.discard(service)
                self._lines.end(service)

    @cached_property
    def _lines(self) -> Shown:
        if self._make is not None:
            return self._make(self._output.colour)
        return Lines(self._output.say)


def report(notes: Iterable[NoteInfo]) -> Iterator[str]:
    """Yield the lines of an import's report: what is to do first; then the rest, by service; all once."""
    given = list(notes)
    todo = {(note.text, note.command): note for note in reversed(given) if note.became is NoteKind.TODO}
    if todo:
        yield "to do:"
    for note in reversed(todo.values()):
        place = f"{note.service}: " if note.service else ""
        yield from _lines(f"  {place}{note.key}: {note.text}", note.command)
    alike: dict[str, list[NoteInfo]] = {}
    for note in given:
        if note.became is not NoteKind.TODO:
            alike.setdefault(f"{bool(note.service)} {_line(note)} {note.command}", []).append(note)
    held: str | None = None
    for notes_alike in sorted(alike.values(), key=_rank):
        note = notes_alike[0]
        services = list(dict.fromkeys(one.service for one in notes_alike))
        heading = note.service or "the project" if len(services) == 1 else "several services"
        if heading != held:
            held = heading
            yield f"{held}:"
        whose = f"{', '.join(services)}: " if len(services) > 1 else ""
        yield from _lines(f"  {whose}{_line(note)}", note.command)


def _line(note: NoteInfo) -> str:
    return f"{note.key}: {note.became}: {note.text}"


def _rank(notes: list[NoteInfo]) -> int:
    """Have the project's first, and then those of several services."""
    return 0 if not notes[0].service else 1 if len({note.service for note in notes}) > 1 else 2


def _lines(text: str, command: str) -> Iterator[str]:
    yield text
    if command:
        yield f"      {command}"
