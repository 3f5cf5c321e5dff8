"""beacon history: the releases of a service."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from beacon.cli.arguments import Json, Name
from beacon.cli.session import session
from beacon.operations.history import HistoryRequest
from beacon.operations.history import history as ask
from beacon.wire.release import ReleaseInfo

_HEADINGS = ("RELEASE", "STATE", "CREATED", "BY", "IMAGE", "DIGEST", "REASON")
_COLOURS = {"live": "green|", "failed": "red|"}


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(history)


def history(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show the releases of a service, the newest first."""
    here = session(context)
    answer = ask(here.machine(), HistoryRequest(name), here.listener)
    if as_json:
        here.output.data(answer)
    else:
        here.output.table(_HEADINGS, [tuple(_row(one)) for one in answer.releases])


def _row(one: ReleaseInfo) -> Iterator[str]:
    yield str(one.number)
    yield f"{_COLOURS.get(one.state, '')}{one.state}"
    yield one.created or one.finished or "-"
    yield one.trigger
    yield one.image
    yield one.digest.partition(":")[2][:12]
    yield one.reason
