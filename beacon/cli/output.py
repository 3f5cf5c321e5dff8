"""How answers look: on stdout tables or JSON, everything else on stderr."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from beacon import streams
from beacon.errors import BeaconError, DefinitionError
from beacon.model.notice import Notice
from beacon.wire.answer import Answer, to_json

_LEAST = 40
"""Columns without which nothing can be laid out."""
_NARROW = 24
"""The least columns of a text that is broken into lines."""
_STUMP = 12
"""The least columns of a text that is cut off."""
_INDENT = 4
_FEW = 3
_KIBI = 1024
_DIGIT = 10
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


@dataclass(slots=True)
class Output:
    """The terminal, or what stands in for it."""

    quiet: bool = False
    colour: bool = True
    width: int | None = None
    """Columns of the terminal; None asks it. What is no terminal takes any number."""

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
            streams.say(f"{text}\n")

    def warn(self, text: str) -> None:
        """Tell what the owner should know, quiet or not."""
        self._sentence("warning:", "yellow", text)

    def notices(self, notices: Iterable[Notice]) -> None:
        """Tell what an operation warns of, and what mends it."""
        for notice in notices:
            self.warn(notice.text)
            if notice.fix:
                self.say(notice.fix)

    def error(self, error: BeaconError) -> None:
        """Print an error, each fault on a line of its own, and below it what to do."""
        lines = (
            [str(fault) for fault in error.faults] if isinstance(error, DefinitionError) else [error.message]
        )
        for line in lines:
            self._sentence("error:", "red", line)
        if error.hint:
            streams.say(f"       {self.paint('(' + error.hint + ')', 'dim', sys.stderr.isatty())}\n")

    def _sentence(self, word: str, colour: str, text: str) -> None:
        """Say a text behind a coloured word; at a terminal no word of it is broken."""
        room = _columns(sys.stderr, self.width) - len(word) - 1
        lines = [one for line in text.split("\n") for one in _wrapped(line, room)]
        margin = f"\n{' ' * (len(word) + 1)}" if self.is_terminal else "\n"
        streams.say(f"{self.paint(word, colour, self.is_terminal)} {margin.join(lines)}\n")

    def data(self, answer: Answer) -> None:
        """Print an operation's answer as JSON."""
        self.answer(to_json(answer))

    def paragraph(self, text: str, margin: int) -> None:
        """Print a text; at a terminal no word of it is broken, and its further lines have a *margin*."""
        self.answer(f"\n{' ' * margin}".join(_wrapped(text, self._room - margin)))

    def labelled(self, label: str, text: str) -> None:
        """Print a text behind its label, and what does not fit the terminal below it."""
        head = f"{label}: "
        room = self._room
        lines = _wrapped(text, room - len(head)) if room - len(head) >= _NARROW else [text]
        self.answer(f"\n{' ' * len(head)}".join((f"{head}{lines[0]}", *lines[1:])))

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print rows below headings, as wide as they need to be; ``red|word`` is red.

        At a terminal the last column is broken into lines, or goes below its row if it has no room there.
        """
        cells = [[_split(cell) for cell in row] for row in rows]
        widths = [
            max(len(heading), *(len(row[column][1]) for row in cells)) if cells else len(heading)
            for column, heading in enumerate(headings)
        ]
        room = self._room
        _narrow(widths, room)
        before = sum(width + 2 for width in widths[:-1])
        left = room - before if before + min(widths[-1], _NARROW) <= room else 0
        tty = sys.stdout.isatty()
        head = list(zip(headings, widths, strict=True))[: None if left else -1]
        self.answer("  ".join(heading.ljust(width) for heading, width in head).rstrip())
        for row in cells:
            padded = "".join(
                self.paint(_cut(text, width), colour, tty) + " " * (max(width - len(text), 0) + 2)
                for (colour, text), width in zip(row[:-1], widths, strict=False)
            )
            colour, text = row[-1]
            lines = _wrapped(text, left or room - _INDENT)
            if not left and text:
                padded = padded.rstrip()
                lines.insert(0, "")
            margin = f"\n{' ' * (before if left else _INDENT)}"
            painted = (self.paint(line, colour, tty) for line in lines)
            self.answer(f"{padded}{margin.join(painted)}".rstrip())

    @property
    def _room(self) -> int:
        return _columns(sys.stdout, self.width)

    def paint(self, text: str, colour: str, tty: bool) -> str:
        """Return *text* in *colour* where that is wanted (no-color.org)."""
        if not colour or not tty or not self.colour or os.environ.get("NO_COLOR"):
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def _columns(stream: TextIO, width: int | None) -> int:
    """Return the columns of a stream, *width* if it is given; what is no terminal has any number."""
    if width is None and not stream.isatty():
        return sys.maxsize
    return max(width or shutil.get_terminal_size().columns, _LEAST)


def _split(cell: str) -> tuple[str, str]:
    colour, bar, text = cell.partition("|")
    return (colour, text) if bar and colour in _COLOURS else ("", cell)


def _narrow(widths: list[int], room: int) -> None:
    """Take from the widest column but the last one what keeps a row from fitting, down to what tells it."""
    if len(widths) < _FEW:
        return
    widest = max(range(1, len(widths) - 1), key=lambda column: widths[column])
    over = sum(width + 2 for width in widths[:-1]) - 2 - room
    if over > 0:
        widths[widest] = max(widths[widest] - over, min(widths[widest], _STUMP))


def _cut(text: str, width: int) -> str:
    """Return *text* without its beginning if it is too long: the end of an image's name tells most."""
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def in_bytes(count: int) -> str:
    """Return a number of bytes as people say it: ``1.5G``, ``320M`` (systemd's units)."""
    size = float(count)
    for unit in ("B", "K", "M", "G"):
        if size < _KIBI:
            return f"{size:.0f}{unit}" if size >= _DIGIT or unit == "B" else f"{size:.1f}{unit}"
        size /= _KIBI
    return f"{size:.1f}T"


def ago(seconds: float) -> str:
    """Return a duration as people say it: ``3min``, ``2h``, ``5d`` (systemd's units)."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(int(seconds), 0)}s"
