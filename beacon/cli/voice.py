"""What the parser finds wrong with a call, told as every other error is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from beacon.errors import BeaconError, UsageError

_FAULTS: tuple[type[Exception], ...] = typer.BadParameter.__bases__
"""What the parser raises: click's error, or typer's own copy of it."""


@contextmanager
def in_one_voice() -> Iterator[None]:
    """Raise what the parser finds wrong as a UsageError, and a question without answer as a BeaconError."""
    try:
        yield
    except typer.Abort:
        raise BeaconError("there was no answer, and nothing was done") from None
    except _FAULTS as fault:
        error: Any = fault
        command = error.ctx.command_path if error.ctx else "beacon"
        near = sorted(getattr(error, "possibilities", None) or ())  # of an option that there is not
        said = (error.message if near else error.format_message()).rstrip(".")
        hint = f"did you mean {near[0]!r}?" if near else f"{command} --help shows what it takes"
        raise UsageError(f"{command}: {said[:1].lower()}{said[1:]}", hint=hint) from None
