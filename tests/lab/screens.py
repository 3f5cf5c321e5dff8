"""What a person sees: commands typed at a terminal of 80 columns on a test host, and pictures of it."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from tests.lab.host import LabUser

COLUMNS = 80
_ROWS = 50
_ESCAPE = re.compile(r"\x1b(?:\[([0-9;?]*)([A-Za-z])|\]8;[^\x1b]*\x1b\\)")
"""Of what programs print beside text; links (OSC 8) show nothing."""
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_HEX = re.compile(r"\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{12,64}\b")
_SAME = (
    (re.compile(r"2099-01-01 00:00"), "2026-12-01 08:20"),
    (re.compile(r"\b20(?!26-12-01 08:20)[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}\b"), "2026-12-01 08:15"),
    (re.compile(r"\b[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}\b"), "Dec 01 08:15:00"),
    (re.compile(r"(?<=[a-z])\[[0-9]+\]:"), "[420]:"),
    (re.compile(r"\b[0-9]\.[0-9](?=%|s | s\b)"), "0.2"),
    (re.compile(r"\b[0-9]s\b"), "5s"),
    (re.compile(r"\b[0-9]{2}s\b"), "45s"),
    (re.compile(r"\b[0-9]min\b"), "4min"),
    (re.compile(r"[0-9.]+ [kM]B/s, [0-9]+ s left"), "3.2 MB/s, 2 s left"),
    (re.compile(r"[⠀-⣿]"), "⠹"),
    (re.compile("\N{NORTH EAST SANS-SERIF ARROW}"), "↗"),  # few fonts have it
)
"""What differs from run to run, and what stands for it, of the same width where a column may depend on it."""


class Screen:
    """The screen of a terminal: rows of characters, each with its colour."""

    def __init__(self) -> None:
        self._rows: list[list[tuple[str, str]]] = [[]]
        self._row = self._column = 0
        self._colour = ""
        self._printed = ""

    def feed(self, text: str) -> None:
        """Show what a program printed; an escape sequence must be whole."""
        self._printed += text
        at = 0
        while at < len(text):
            if escape := _ESCAPE.match(text, at):
                self._obey(escape[1] or "", escape[2] or "")
                at = escape.end()
            else:
                self._put(text[at])
                at += 1

    @property
    def text(self) -> str:
        """What is there to read."""
        return "\n".join("".join(character for character, _ in row).rstrip() for row in self._rows)

    def rows(self, same: Callable[[str], str]) -> list[str]:
        """Return the rows with their colours, had the program printed what *same* makes of it."""
        shown = Screen()
        shown.feed(same(self._printed))
        rows = ["".join(f"\x1b[0;{colour}m{one}" for one, colour in row) for row in shown._rows]
        return rows if rows[-1] else rows[:-1]

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._move(1)
        elif character >= " ":
            if self._column == COLUMNS:
                self._column = 0
                self._move(1)
            row = self._rows[self._row]
            row += [(" ", "")] * (self._column + 1 - len(row))
            row[self._column] = (character, self._colour)
            self._column += 1

    def _move(self, down: int) -> None:
        self._row = max(0, self._row + down)
        self._rows += [[] for _ in range(self._row + 1 - len(self._rows))]

    def _obey(self, numbers: str, what: str) -> None:
        row = self._rows[self._row]
        match what:
            case "m":
                self._colour = numbers.removeprefix("0;") if numbers != "0" else ""
            case "A":
                self._move(-int(numbers or 1))
            case "K":
                del row[0 if numbers == "2" else self._column :]
            case _:
                pass  # the cursor is shown or hidden


class Hand:
    """Types commands at a terminal, as a user of a host."""

    def __init__(self, user: LabUser) -> None:
        self._user = user

    def type(self, line: str, seen: Callable[[Screen], None]) -> tuple[int, Screen]:
        """Run a line of shell; return its exit status and the last screen. *seen* is shown all of them."""
        inside = f"stty cols {COLUMNS} rows {_ROWS}; cd; exec bash -c {shlex.quote(line)}"
        script = ("script", "--quiet", "--return", "--flush", "--command", inside, "/dev/null")
        command = self._user.command("env", "TERM=xterm-256color", "SHELL=/bin/bash", *script)
        # Were there no more to come from the keyboard, script(1) would type an end of file.
        process = self._user.host.start(*command, stdin=subprocess.PIPE)
        assert process.stdout is not None
        screen = Screen()
        for text in _whole(process.stdout.fileno()):
            screen.feed(text)
            seen(screen)
        process.communicate()
        return process.returncode, screen


def _whole(file: int) -> Iterator[str]:
    """Yield what is read, no character and no escape sequence cut in two."""
    decoder, half = codecs.getincrementaldecoder("utf-8")(), ""
    while data := os.read(file, 65536):
        text = half + decoder.decode(data)
        end = text.rfind("\x1b")
        cut = len(text) if end < 0 or _ESCAPE.match(text, end) else end
        half = text[cut:]
        yield text[:cut]
    yield half


class Same:
    """Makes the same of what two runs print: one time, one id for each that is met."""

    def __init__(self) -> None:
        self._met: dict[str, str] = {}

    def __call__(self, printed: str) -> str:
        """Return what is to be shown for what a program printed."""
        for pattern, shown in _SAME:
            printed = pattern.sub(shown, printed)
        return _HEX.sub(self._stand_in, printed)

    def _stand_in(self, found: re.Match[str]) -> str:
        start = found[0][:12]  # a digest is shown whole, or by its start
        known = self._met.setdefault(start, hashlib.sha256(str(len(self._met)).encode()).hexdigest())
        return known[: len(found[0])]


def prompt(command: str) -> Iterator[str]:
    """Yield a command as it stands on the screen."""
    for sign, line in zip("$" + ">" * command.count("\n"), command.split("\n"), strict=True):
        yield f"\x1b[0;32m{sign}\x1b[0m \x1b[0;1m{line}\x1b[0m"


def draw(name: str, rows: Iterable[str]) -> str:
    """Return a picture of what a terminal shows, as SVG."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="standard"
    )
    for row in rows:
        console.print(Text.from_ansi(row, no_wrap=True))
    drawn = console.export_svg(title="", theme=DIMMED_MONOKAI, unique_id=f"beacon-{name}")
    return re.sub(r"[ \t]+$", "", _FONT.sub("", drawn), flags=re.MULTILINE)
