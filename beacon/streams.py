"""Standard streams that are closed, full or narrow, and terminals that go away: no reason to stumble."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from typing import TextIO

_LAST_STANDARD = 2


def prepare() -> None:
    """Have all three standard streams, and such that take every text."""
    # What is opened next must not be taken for one of them, as a state file in the place of stdout would.
    while (spare := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD:
        pass
    os.close(spare)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  # for good
            continue
        errors = "backslashreplace" if stream.errors == "strict" else stream.errors
        guarded = _Answers if name == "stdout" else _Asides
        lines = {"line_buffering": stream.line_buffering, "write_through": stream.write_through}
        setattr(sys, name, guarded(stream.detach(), stream.encoding, errors, **lines))


def is_text(string: str) -> bool:
    """Say whether *string* can be written in UTF-8: what the system gave that is not UTF-8 cannot."""
    try:
        string.encode()
    except UnicodeEncodeError:
        return False
    return True


def outlive_terminal() -> None:
    """Go on where the terminal goes away: SIGHUP is ignored, also by what this process starts."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class WriteError(Exception):
    """Stdout cannot hold more; str() says why."""


def answer(text: str) -> None:
    """Write to stdout. A reader that went away is no error; a full disk is: WriteError."""
    _guarded(lambda: sys.stdout.write(text))


def say(text: str) -> None:
    """Write to stderr; where that fails, nothing more is written there: nobody is left to tell."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def flush() -> None:
    """Have what was written so far with its reader; errors are as of :func:`answer`."""
    _guarded(sys.stdout.flush)


class _Answers(io.TextIOWrapper):
    """Stdout, whoever writes to it, as the parser does with help: errors are as of :func:`answer`."""

    def write(self, text: str) -> int:
        if text != "":  # which a full disk refuses, and the parser writes to see what this is
            _guarded(lambda: super(_Answers, self).write(text))
        return len(text)

    def flush(self) -> None:
        _guarded(super().flush)


class _Asides(io.TextIOWrapper):
    """Stderr, whoever writes to it: what cannot be written is dropped."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            _discard(self)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            _discard(self)


def _guarded(action: Callable[[], object]) -> None:
    try:
        action()
    except BrokenPipeError:  # ``beacon status | head``: nobody is left to tell
        _discard(sys.stdout)
    except OSError as error:
        _discard(sys.stdout)
        raise WriteError(error.strerror) from error


def _discard(stream: TextIO) -> None:
    """Drop what is still to be written, so that Python's own last flush goes well."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
