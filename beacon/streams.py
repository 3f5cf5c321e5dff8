"""Standard streams that are closed, full or narrow: no reason to stumble."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

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
        elif stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


class WriteError(Exception):
    """Stdout cannot hold more; str() says why."""


def answer(text: str) -> None:
    """Write to stdout. A reader that went away is no error; a full disk is: WriteError."""
    _guarded(lambda: sys.stdout.write(text))


def flush() -> None:
    """Have what was written so far with its reader; errors are as of :func:`answer`."""
    _guarded(sys.stdout.flush)


def _guarded(action: Callable[[], object]) -> None:
    try:
        action()
    except BrokenPipeError:  # ``beacon status | head``: nobody is left to tell
        _discard()
    except OSError as error:
        _discard()
        raise WriteError(error.strerror) from error


def _discard() -> None:
    """Drop what is still to be written, so that Python's own last flush goes well."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
