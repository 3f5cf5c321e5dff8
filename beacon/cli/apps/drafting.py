"""beacon app new and import-bcd: manifests to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from beacon.cli.apps.listing import App
from beacon.cli.arguments import Json, option
from beacon.cli.session import Session, session
from beacon.errors import UsageError
from beacon.operations.apps import drafting
from beacon.operations.apps.drafting import BcdRequest, NewRequest
from beacon.state.given import owners_files
from beacon.wire.apps import Drafted


def new(
    context: typer.Context,
    app: App,
    image: Annotated[str, option("The image of its main service.", "--image", metavar="IMAGE")] = "",
    from_image: Annotated[
        str, option("Fill in what a registry says of IMAGE.", "--from-image", metavar="IMAGE")
    ] = "",
    compose: Annotated[
        str, option("Make it of the services of a compose file.", "--from-compose", metavar="FILE")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write a manifest of your own to begin with, in the folder catalog of the configuration."""
    here = session(context)
    if len([one for one in (image, from_image, compose) if one]) > 1:
        raise UsageError("--image, --from-image and --from-compose exclude each other")
    machine = here.machine()
    source = owners_files(machine.caller.environment) if compose else None
    request = NewRequest(app, image, from_image, compose, source)
    _show(here, drafting.new_app(machine, request, here.listener), as_json=as_json)


def import_bcd(
    context: typer.Context,
    manifest: Annotated[Path, typer.Argument(metavar="FILE", help="Its manifest.yml.")],
    image: Annotated[
        str, option("The image of its service, since the manifest names none.", "--image", metavar="IMAGE")
    ] = "",
    output: Annotated[
        Path | None, option("Write it there, and not to the catalog.", "--output", "-o", metavar="FILE")
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn a manifest of Bytesized Connect into one of Beacon's."""
    here = session(context)
    request = BcdRequest(manifest, image, output)
    answer = drafting.import_bcd(here.machine(required=output is None), request, here.listener)
    _show(here, answer, as_json=as_json)


def _show(here: Session, answer: Drafted, *, as_json: bool) -> None:
    if as_json:
        here.output.data(answer)
        return
    here.output.notices(answer.warnings)
    for note in answer.notes:
        here.output.answer(f"- {note}")
    here.output.say(
        f"{answer.file} is written; beacon app lint {answer.app}, then beacon app install {answer.app}"
    )
