"""beacon adopt-volumes: data in volumes that never had a name goes on in volumes of the service."""

from __future__ import annotations

import typer

from beacon.cli.arguments import Json, Names
from beacon.cli.outcomes import show_answer
from beacon.cli.session import session
from beacon.operations.definitions.volumes import AdoptVolumesRequest
from beacon.operations.definitions.volumes import adopt_volumes as ask


def adopt_volumes(context: typer.Context, names: Names = None, as_json: Json = False) -> None:
    """Copy the data of volumes that never had a name into volumes of the service.

    A service is stopped while its data is copied. The engine keeps what it had.
    """
    here = session(context)
    machine = here.machine()
    machine.require_write("adopt-volumes")
    here.end_adoptions()
    answer = ask(machine, AdoptVolumesRequest(tuple(names or ())), here.listener)
    if not (answer.services or answer.warnings or as_json):
        here.output.say("every volume has a name")
    raise typer.Exit(show_answer(here.output, answer, every=True, as_json=as_json))
