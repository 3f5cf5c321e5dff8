"""beacon app source: further catalogs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from beacon.catalog.sources import Source, read_location
from beacon.cli.arguments import Json, option
from beacon.cli.output import Output
from beacon.cli.session import session
from beacon.errors import UsageError
from beacon.operations.apps import sources
from beacon.operations.apps.sources import AddSourceRequest, SourceRequest
from beacon.wire.apps import SourceInfo, SourceList

_ACTIONS = ("add", "list", "update", "remove")
_SHORT = 12


def source(
    context: typer.Context,
    action: Annotated[str, typer.Argument(metavar="add|list|update|remove", help="What to do.")],
    which: Annotated[str, typer.Argument(metavar="[NAME]", help="The source.")] = "",
    location: Annotated[
        str, typer.Argument(metavar="[DIR|URL]", help="A folder, a git repository, or an archive over https.")
    ] = "",
    sha256: Annotated[
        str, option("The checksum of an archive, which it must have.", "--sha256", metavar="HEX")
    ] = "",
    as_json: Json = False,
) -> None:
    """Add further catalogs, list them, fetch them anew, or remove them.

    Whoever writes the manifests of a source decides what runs on this machine once you install one.
    """
    here = session(context)
    if action not in _ACTIONS:
        raise UsageError(f"there is no action {action!r}", hint=f"one of {', '.join(_ACTIONS)}")
    if (action == "add") != bool(location) or (action in {"add", "remove"} and not which):
        raise UsageError(
            "say which source, and with add where it is",
            hint="beacon app source add NAME DIR|GIT-URL|HTTPS-ARCHIVE",
        )
    if action == "add":
        found = _found(location, sha256)
        answer = sources.add_source(here.machine(), AddSourceRequest(which, found), here.listener)
    elif action == "list":
        answer = sources.list_sources(here.machine(required=False), SourceRequest(which), here.listener)
    else:
        act = sources.update_sources if action == "update" else sources.remove_source
        answer = act(here.machine(), SourceRequest(which), here.listener)
    _show(here.output, action, answer, as_json=as_json)


def _show(output: Output, action: str, answer: SourceList, *, as_json: bool) -> None:
    if as_json:
        output.data(answer)
        return
    output.notices(answer.warnings)
    if answer.sources:
        output.table(("SOURCE", "APPS", "REVISION", "FROM"), map(_row, answer.sources))
    elif action == "remove":
        output.say("removed")
    else:
        output.say("there are no sources but Beacon's own catalog; beacon app source add adds one")


def _found(location: str, sha256: str) -> Source:
    folder = Path(location).absolute()
    is_folder = "://" not in location and folder.is_dir()
    try:
        return read_location(str(folder) if is_folder else location, sha256)
    except ValueError as error:
        raise UsageError(f"a source {error}", hint="--sha256 HEX for archives") from None


def _row(one: SourceInfo) -> tuple[str, ...]:
    if one.fault:
        return one.name, "", "", f"red|{one.fault}"
    return one.name, str(len(one.apps)), one.revision[:_SHORT], one.location
