"""A container that is there: its service takes its place, with all of its data, or it stays as it was."""

from __future__ import annotations

from msgspec import Struct

from beacon.engine.foreign import refuse_what_others_run
from beacon.importing.compose.reading.files import Source
from beacon.operations.importing.definitions import ContainerByName, describe
from beacon.operations.listener import Carried, Listener, report
from beacon.operations.machine import Machine
from beacon.wire.importing import Adopted, note_infos
from beacon.wire.outcome import outcome_infos


class AdoptRequest(Struct, frozen=True):
    """Which container; *discards_layer* says that the files of its own layer are not needed."""

    old: ContainerByName
    source: Source
    discards_layer: bool = False


def adopt(machine: Machine, request: AdoptRequest, listener: Listener) -> Adopted:
    """Have a service take the place of a container, which is put back if it does not become healthy.

    The listener hears beforehand what is not carried over. Raises UsageError or MachineError for whatever
    would be lost or is in the way, before anything is stopped; what fails later is raised once the container
    is back.
    """
    machine.require_write("import")
    old = machine.foreign.find(request.old.name, request.old.engine)
    refuse_what_others_run(old)
    imported = describe(machine, old, request.source, request.old.service)
    adoptions = machine.adoptions_for(listener)
    adoptions.refuse(old, imported)
    report(listener, Carried(note_infos(imported.notes)))
    (definition,) = imported.definitions
    adopting = adoptions.prepare(old, definition, discards_layer=request.discards_layer)
    ended = adoptions.adopt(old, adopting)
    return Adopted(services=outcome_infos(ended.outcomes), stands=ended.stands, warnings=ended.warnings)
