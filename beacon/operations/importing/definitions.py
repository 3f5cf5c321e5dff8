"""Definitions of what compose files, commands and containers describe; nothing is started."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from beacon.definition.decode import decode_all
from beacon.engine.foreign import ForeignContainer
from beacon.errors import AccessError
from beacon.importing.command import import_command
from beacon.importing.compose.importer import import_compose
from beacon.importing.compose.project import ComposeRequest
from beacon.importing.compose.reading.files import Source
from beacon.importing.container import copied_from, import_container
from beacon.importing.result import Imported
from beacon.model.machine import Engine, Scope
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.definitions.reading import read_definitions
from beacon.state.definitions import Definitions, require_free, write_all
from beacon.wire.importing import Imports, note_infos


class Command(Struct, frozen=True):
    """A ``docker run`` or ``podman run`` command, and what its service is called if not as it says."""

    words: str
    service: str | None = None


class ContainerByName(Struct, frozen=True):
    """A container that is there, in whichever engine has it if none is named."""

    name: str
    engine: str | None = None
    service: str | None = None


class ImportRequest(Struct, frozen=True, kw_only=True):
    """What is imported, and where its files come from."""

    what: ComposeRequest | Command | ContainerByName
    source: Source
    writes: bool = True
    """Whether the definitions become the machine's; they are only answered otherwise."""
    overwrite: bool = False


def import_(machine: Machine, request: ImportRequest, listener: Listener) -> Imports:
    """Make definitions, and write all of them or none.

    Raises DefinitionError with every fault of what is read, alone or with the machine's definitions, and
    UsageError for definitions that are there and say something else, unless they are to be written over.
    """
    del listener
    if request.writes:
        machine.require_write("import")
    existing = _existing(machine, required=request.writes)
    imported = _imported(machine, request, existing.texts)
    texts = {definition.name: definition.text for definition in imported.definitions}
    _judge(machine, texts, existing.texts, required=request.writes)
    return Imports(
        definitions=imported.definitions,
        written=_write(machine, request, texts) if request.writes else (),
        report=note_infos(imported.notes),
        warnings=existing.warnings,
    )


def _existing(machine: Machine, *, required: bool) -> Definitions:
    """Return the definitions of this machine; where nothing is written there, none will do."""
    try:
        return machine.definitions()
    except AccessError:
        if required:
            raise
        return Definitions({}, {})


def _imported(machine: Machine, request: ImportRequest, existing: Mapping[str, str]) -> Imported:
    source = _own_socket(machine, request.source)
    match request.what:
        case ComposeRequest() as compose:
            return import_compose(compose, source, existing)
        case Command(words, service):
            return import_command(words, source, service)
        case ContainerByName(name, engine, service):
            return describe(machine, machine.foreign.find(name, engine), source, service)


_DOCKERS = "/var/run/docker.sock"


def _own_socket(machine: Machine, source: Source) -> Source:
    """Return *source* with this machine's engine and the socket of that, or of the user's."""
    source = replace(source, engine=machine.engines.installed or Engine.PODMAN)
    if source.engine is Engine.DOCKER and source.exists(_DOCKERS):
        return replace(source, engine_socket=_DOCKERS)
    below = "/run" if machine.scope is Scope.SYSTEM else f"/run/user/{machine.caller.uid}"
    return replace(source, engine_socket=f"{below}/podman/podman.sock")


def describe(machine: Machine, old: ForeignContainer, source: Source, service: str | None) -> Imported:
    """Return what a container comes to as a *service*."""
    source = _own_socket(machine, source)
    imported = import_container(old.inspected, old.image(), source, service, old.layer())
    if old.engine == machine.engine_kind or not old.volumes:
        return imported
    return copied_from(imported, old.name, old.engine, machine.engine_kind)


def _judge(
    machine: Machine, texts: Mapping[str, str], existing: Mapping[str, str], *, required: bool
) -> None:
    """Raise DefinitionError where the definitions contradict each other, or others of the machine."""
    try:
        read_definitions(machine, texts, {**existing, **texts})
    except AccessError:
        if required:
            raise
        decode_all(texts)  # whoever may not read the machine's sees how those of the project meet


def _write(machine: Machine, request: ImportRequest, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Write the definitions, and return where they are; what is there may have to stay."""
    paths = {machine.definition_path(name): text for name, text in texts.items()}
    if not request.overwrite:
        require_free(paths)
    return write_all(paths)
