"""What an import comes to: definitions to be written, and the report of what they do not say."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from beacon.definition.encode import encode
from beacon.importing.names import comment
from beacon.importing.node import ImportNote
from beacon.model.machine import Engine
from beacon.model.parts.raw import RawDocker, RawPodman
from beacon.model.service import Service


class MadeDefinition(Struct, frozen=True):
    """A definition that an import makes: *text* is its file, *origin* what it was made from."""

    name: str
    text: str
    origin: str


class Imported(Struct, frozen=True):
    """The definitions, and what could not be carried over or means something else."""

    definitions: tuple[MadeDefinition, ...]
    notes: tuple[ImportNote, ...]
    obstacles: tuple[str, ...] = ()
    """Why the container that it was made from cannot be adopted without a loss."""


def make_definition(service: Service, origin: str, engine: Engine) -> MadeDefinition:
    """Return the definition of *service* for *engine*: what is raw goes into the table of that."""
    raw = service.podman
    if engine is Engine.DOCKER and raw != RawPodman():
        docker = RawDocker(args=raw.args, unit=raw.unit, service=raw.service)
        service = replace(service, podman=RawPodman(), docker=docker)
    return MadeDefinition(service.name, encode(service, comment=comment(origin)), origin)


def make_imported(
    definitions: Iterable[MadeDefinition], notes: Iterable[ImportNote], engine: Engine
) -> Imported:
    """Return the result; what concerns the project comes first in the report."""
    made = tuple(definitions)
    order = {"": -1, **{definition.name: position for position, definition in enumerate(made)}}
    said = sorted(notes, key=lambda note: order.get(note.service, len(made)))
    if engine is Engine.DOCKER:
        said = [replace(one, text=one.text.replace("[podman] args", "[docker] args")) for one in said]
    return Imported(made, tuple(said))
