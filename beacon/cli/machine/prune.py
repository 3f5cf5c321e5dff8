"""beacon prune: what nothing needs any more."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from beacon.cli.arguments import Json, option
from beacon.cli.output import Output, in_bytes
from beacon.cli.session import session
from beacon.errors import UsageError
from beacon.operations.definitions.prune import PruneRequest, prunable
from beacon.operations.definitions.prune import prune as ask
from beacon.wire.definition import PrunableInfo, Pruned

_WORDS = {
    "image": "kept image",
    "volume": "volume",
    "secret": "secret",
    "copy": "copies of definitions",
}


def prune(
    context: typer.Context,
    volumes: Annotated[bool, option("Delete volumes, too, with their data.", "--volumes")] = False,
    secrets: Annotated[bool, option("Remove secrets, too.", "--secrets")] = False,
    copies: Annotated[
        bool, option("Delete the copies of definitions of services that were removed, too.", "--copies")
    ] = False,
    yes: Annotated[bool, option("Do it, and do not ask.", "--yes", "-y")] = False,
    as_json: Json = False,
) -> None:
    """Show what nothing needs any more; with --yes, images go, and what the other options name.

    Volumes are those that Beacon made for services that are gone, and that no container mounts.
    """
    here = session(context)
    answer = prunable(here.machine(), here.listener)
    kinds = {"volume": volumes, "secret": secrets, "copy": copies}
    chosen = {
        kind: tuple(one.name for one in answer.items if one.kind == kind and kinds[kind]) for kind in kinds
    }
    if yes or any(kinds.values()):
        if not yes:
            _confirm(chosen)
        request = PruneRequest(
            images=True, volumes=chosen["volume"], secrets=chosen["secret"], copies=chosen["copy"]
        )
        answer = ask(here.machine(), request, here.listener)
    if as_json:
        here.output.data(answer)
    else:
        _show(here.output, answer)
    if (yes or any(kinds.values())) and answer.warnings:
        raise typer.Exit(1)


def _confirm(chosen: dict[str, tuple[str, ...]]) -> None:
    """Ask whether all that is named may go."""
    if not os.isatty(0):
        raise UsageError(
            "nobody is there to ask what may be deleted", hint="beacon prune shows it; add --yes"
        )
    named = [f"{_WORDS[kind]} {name}" for kind, names in chosen.items() for name in names]
    typer.confirm(f"Delete for good: {', '.join(named) or 'images'}?", abort=True, err=True)


def _show(output: Output, answer: Pruned) -> None:
    output.notices(answer.warnings)
    if not answer.items:
        output.say("there is nothing that could go")
        return
    output.table(("WHAT", "NAME", "OF", "SIZE", ""), map(_row, answer.items))
    if not any(one.removed for one in answer.items):
        output.say("beacon prune --yes lets images go; --volumes, --secrets and --copies what they name")


def _row(one: PrunableInfo) -> tuple[str, ...]:
    size = "" if one.size is None else in_bytes(one.size)
    return _WORDS[one.kind], one.name, one.service, size, "removed" if one.removed else ""
