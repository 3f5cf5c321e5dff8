"""How the command ends where it could not do what it was asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beacon.errors import BeaconError

if TYPE_CHECKING:
    from beacon.cli.output import Output

INTERRUPTED = 130
"""The status of a command that ended by Ctrl-C: 128 and the number of SIGINT, as shells have it."""


@contextmanager
def exiting_on_error(output: Output) -> Iterator[None]:
    """Tell the person at the terminal what went wrong in the block, and exit with its status."""
    try:
        yield
    except BeaconError as error:
        output.error(error)
        sys.exit(error.status)
    except KeyboardInterrupt:
        output.say("interrupted; what had begun is finished or undone by the next run")
        sys.exit(INTERRUPTED)
