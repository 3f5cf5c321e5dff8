"""How answers look: on stdout tables or JSON, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from beacon import streams
from beacon.errors import BeaconError, DefinitionError
from beacon.model.notice import Notice
from beacon.wire.answer import VERSION, Answer, to_json

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


@dataclass(slots=True)
class Output:
    """The terminal, or what stands in for it."""

    quiet: bool = False
    colour: bool = True

    @property
    def is_terminal(self) -> bool:
        """Whether a person is likely to watch."""
        return sys.stderr.isatty()

    def answer(self, text: str) -> None:
        """Print what was asked for."""
        streams.answer(f"{text}\n")

    def say(self, text: str) -> None:
        """Tell what is being done, unless told to be quiet."""
        if not self.quiet:
            streams.flush()  # both may end in one journal, where the order tells the story
            sys.stderr.write(f"{text}\n")

    def warn(self, text: str) -> None:
        """Tell what the owner should know, quiet or not."""
        sys.stderr.write(f"{self.paint('warning:', 'yellow', sys.stderr.isatty())} {text}\n")

    def notices(self, notices: Iterable[Notice]) -> None:
        """Tell what an operation warns of, and what mends it."""
        for notice in notices:
            self.warn(notice.text)
            if notice.fix:
                self.say(notice.fix)

    def error(self, error: BeaconError) -> None:
        """Print an error, each fault on a line of its own, and below it what to do."""
        tty = sys.stderr.isatty()
        prefix = self.paint("error:", "red", tty)
        lines = (
            [str(fault) for fault in error.faults] if isinstance(error, DefinitionError) else [error.message]
        )
        for line in lines:
            sys.stderr.write(f"{prefix} {line}\n")
        if error.hint:
            sys.stderr.write(f"       {self.paint('(' + error.hint + ')', 'dim', tty)}\n")

    def json(self, body: Mapping[str, object]) -> None:
        """Print a JSON answer."""
        self.answer(json.dumps({"version": VERSION, **body}, indent=2, ensure_ascii=False))

    def data(self, answer: Answer) -> None:
        """Print an operation's answer as JSON."""
        self.answer(to_json(answer))

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print rows below headings, as wide as they need to be; ``red|word`` is red."""
        cells = [[_split(cell) for cell in row] for row in rows]
        widths = [
            max(len(heading), *(len(row[column][1]) for row in cells)) if cells else len(heading)
            for column, heading in enumerate(headings)
        ]
        tty = sys.stdout.isatty()
        self.answer("  ".join(h.ljust(w) for h, w in zip(headings, widths, strict=True)).rstrip())
        for row in cells:
            padded = (
                self.paint(text, colour, tty) + " " * (width - len(text))
                for (colour, text), width in zip(row, widths, strict=True)
            )
            self.answer("  ".join(padded).rstrip())

    def paint(self, text: str, colour: str, tty: bool) -> str:
        """Return *text* in *colour* where that is wanted (no-color.org)."""
        if not colour or not tty or not self.colour or os.environ.get("NO_COLOR"):
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def _split(cell: str) -> tuple[str, str]:
    colour, bar, text = cell.partition("|")
    return (colour, text) if bar and colour in _COLOURS else ("", cell)


def ago(seconds: float) -> str:
    """Return a duration as people say it: ``3min``, ``2h``, ``5d`` (systemd's units)."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(int(seconds), 0)}s"
