"""The text of a definition: shown, and saved if it is in order."""

from __future__ import annotations

from msgspec import Struct

from beacon.errors import NoSuchServiceError
from beacon.operations.definitions.reading import judge_text
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
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
        machine.require_readable([name])
        raise NoSuchServiceError(f"{name} has no definition any more", hint=f"beacon rm {name}")
    file = str(machine.definition_path(name))
    return DefinitionText(name=name, file=file, text=text, warnings=found.warnings)


def judge(machine: Machine, request: SaveRequest) -> None:
    """Raise DefinitionError if the text is faulty, alone or with the other definitions."""
    judge_text(machine, request.service, request.text)


def save(machine: Machine, request: SaveRequest, listener: Listener) -> DefinitionText:
    """Replace a definition. Raises DefinitionError, with the old one as it was, if the text is faulty."""
    del listener
    machine.require_write("edit")
    judge(machine, request)
    path = machine.definition_path(request.service)
    rewrite(path, request.text.encode())
    return DefinitionText(name=request.service, file=str(path), text=request.text)
