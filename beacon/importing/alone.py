"""One service that belongs to no compose file: what commands and containers come to."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from beacon.definition.names import validate_new_name
from beacon.errors import DefinitionError
from beacon.formats.node import Node
from beacon.importing.compose.context import Context
from beacon.importing.compose.project import Project
from beacon.importing.compose.reading.files import Source
from beacon.importing.compose.service import convert
from beacon.importing.node import ImportNote, Log
from beacon.importing.result import Imported, make_definition, make_imported
from beacon.model.notice import NoteKind
from beacon.model.parts.raw import RawPodman


def import_alone(  # noqa: PLR0913, PLR0917 -- what is read, and beside it what was found already
    name: str,
    node: Node,
    origin: str,
    source: Source,
    log: Log,
    raw: Sequence[str] = (),
    unnamed: Collection[str] = (),
) -> Imported:
    """Return the definition of the service *name* that *node* describes in compose's words.

    Its networks and volumes are the engine's, under their own names, but for those that are *unnamed*; *raw*
    are more arguments of Podman.
    Raises DefinitionError with every fault.
    """
    problem = validate_new_name(name)
    if problem is not None:
        log.fault(node.place, "name", f"{problem}; choose another with --name")
        raise DefinitionError(log.faults)
    project = Project(
        name="", services={name: node}, variables=source.environment, folder=source.folder, loose=True
    )
    service = convert(name, node, Context(project, {name: name}, source, unnamed=frozenset(unnamed)), log)
    if service is None or log.faults:
        raise DefinitionError(log.faults)
    if raw:
        service = replace(service, podman=RawPodman(args=(*service.podman.args, *raw)))
        for argument in raw:
            text = "as [podman] args, which Beacon does not check"
            log.note(ImportNote(name, argument.partition("=")[0], NoteKind.RAW, f"{argument}: {text}"))
    for network in service.networks:
        if network not in {"host", "none"} and ":" not in network:
            text = f"Beacon's own network of that name; containers that are not Beacon's are not on {network}"
            log.note(ImportNote(name, "networks", NoteKind.CHANGED, text))
    notes = [replace(note, service=name) for note in log.notes]
    return make_imported([make_definition(service, origin, source.engine)], notes, source.engine)
