"""The same answer anew every few seconds, in the place of the one before, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NoReturn

from beacon import streams
from beacon.cli.output import Output
from beacon.errors import BeaconError, UsageError

_EVERY = 2.0
_TOP = "\x1b[H"
_REST = "\x1b[J"
_CLEAR = "\x1b[2J"


def watch(output: Output, show: Callable[[], object], *, as_json: bool = False) -> NoReturn:
    """Show it again and again; Ctrl-C ends that, and is no failure. Raises UsageError without a terminal."""
    if as_json or not sys.stdout.isatty():
        raise UsageError(
            "--watch is for a terminal", hint="for programs: the same with --json, again and again"
        )
    try:
        streams.answer(_CLEAR)
        while True:
            streams.answer(_TOP + _REST)
            try:
                show()
            except BeaconError as error:  # it may be there again in a moment
                output.error(error)
            streams.flush()
            time.sleep(_EVERY)
    except KeyboardInterrupt:
        streams.flush()
        sys.exit(0)
