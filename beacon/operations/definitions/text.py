"""The text of a definition: shown, and saved if it is in order."""

from __future__ import annotations

from msgspec import Struct

from beacon.definition.stub import stub
from beacon.errors import NoSuchServiceError, UsageError
from beacon.model.reference import ImageReference
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.definitions.planning import refuse_name
from beacon.rollout.definitions.reading import judge_texts
from beacon.state.files import rewrite
from beacon.wire.definition import DefinitionText


class ShowRequest(Struct, frozen=True):
    """Of which service."""

    service: str


class SaveRequest(Struct, frozen=True):
    """Which service, and what its definition is to say."""

    service: str
    text: str


def show(machine: Machine, request: ShowRequest, listener: Listener) -> DefinitionText:
    """Return a definition as its owner wrote it. Raises NoSuchServiceError if there is none any more."""
    del listener
    (name,) = machine.select([request.service])
    found = machine.definitions()
    text = found.texts.get(name)
    if text is None:
        machine.folder.require_readable([name])
        raise NoSuchServiceError(f"{name} has no definition any more", hint=f"beacon rm {name}")
    file = str(machine.definition_path(name))
    return DefinitionText(name=name, file=file, text=text, warnings=found.warnings)


class DraftRequest(Struct, frozen=True):
    """A new service, and its image if that is known."""

    service: str
    image: str = ""


def draft(machine: Machine, request: DraftRequest, listener: Listener) -> DefinitionText:
    """Return what the definition of a new service begins with; nothing is written.

    Raises UsageError if the name is taken or no name, or if the image has no sense.
    """
    del listener
    found = machine.definitions()
    refuse_name(machine, request.service, found.texts)
    try:
        image = request.image and str(ImageReference.parse(request.image))
    except ValueError as error:
        raise UsageError(f"cannot define {request.service}: {error}") from error
    file = str(machine.definition_path(request.service))
    text = stub(request.service, image)
    return DefinitionText(name=request.service, file=file, text=text, warnings=found.warnings)


def create(machine: Machine, request: SaveRequest, listener: Listener) -> DefinitionText:
    """Write the definition of a new service. Raises UsageError if there is one by now, and as save does."""
    refuse_name(machine, request.service, machine.definitions().texts)
    return save(machine, request, listener)


def judge(machine: Machine, request: SaveRequest) -> None:
    """Raise DefinitionError if the text is faulty, alone or with the other definitions."""
    judge_texts(machine, {request.service: request.text})


def save(machine: Machine, request: SaveRequest, listener: Listener) -> DefinitionText:
    """Replace a definition. Raises DefinitionError, with the old one as it was, if the text is faulty."""
    del listener
    machine.require_write("edit")
    judge(machine, request)
    path = machine.definition_path(request.service)
    rewrite(path, request.text.encode())
    return DefinitionText(name=request.service, file=str(path), text=request.text)
