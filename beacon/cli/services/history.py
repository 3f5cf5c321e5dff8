"""beacon history: the releases of a service."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from beacon.cli.arguments import Json, Name
from beacon.cli.session import session
from beacon.formats.moments import shown
from beacon.operations.history import HistoryRequest
from beacon.operations.history import history as ask
from beacon.wire.release import ReleaseInfo

_HEADINGS = ("RELEASE", "STATE", "CREATED", "BY", "IMAGE", "DIGEST", "REASON")
_COLOURS = {"live": "green|", "failed": "red|"}


def history(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show the releases of a service, the newest first."""
    here = session(context)
    answer = ask(here.machine(), HistoryRequest(name), here.listener)
    if as_json:
        here.output.data(answer)
    else:
        here.output.table(_HEADINGS, [tuple(_row(one)) for one in answer.releases])
        if (hold := answer.hold) is not None:
            why = f": {hold.reason}" if hold.reason else ""
            here.output.answer(f"held since {shown(hold.since)}{why}")


def _row(one: ReleaseInfo) -> Iterator[str]:
    yield str(one.number)
    yield f"{_COLOURS.get(one.state, '')}{one.state}"
    yield shown(one.created or one.finished or "-")
    yield one.trigger
    yield one.image
    yield one.digest.partition(":")[2][:12]
    yield one.reason
