"""Definitions as their owner wrote them: read, and judged together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from beacon.definition.conflicts import Precedence
from beacon.definition.decode import decode, decode_all
from beacon.definition.names import validate_new_name
from beacon.errors import DefinitionError
from beacon.model.release import text_digest
from beacon.model.service import Service
from beacon.model.unit import service_of_file
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.definitions.machine import Machine
from beacon.rollout.readings import earlier_readings, live_releases, running


def read_definitions(
    machine: Machine, names: Iterable[str], texts: Mapping[str, str], *, leaving: Iterable[str] = ()
) -> tuple[dict[str, DefinedService], tuple[str, ...]]:
    """Return the definitions of *names*, and the names of other services whose definitions are faulty.

    What the services *leaving* have is free. Raises DefinitionError with all faults if one of *names* is
    concerned.
    """
    chosen = [name for name in names if name in texts]
    files = {str(machine.definition_path(name)): text for name, text in texts.items()}
    faulty: tuple[str, ...] = ()
    try:
        lives = live_releases(machine.store, texts)
        asked = frozenset((*chosen, *leaving))
        precedence = Precedence(running(lives), asked, None if lives is None else _applied(machine, texts))
        found = decode_all(files, earlier_readings(lives, texts), precedence)
        services = {service.name: service for service in found}
    except DefinitionError as error:
        wrong = {fault.file for fault in error.faults}
        if any(str(machine.definition_path(name)) in wrong for name in chosen):
            raise
        faulty = tuple(sorted(name for name in texts if str(machine.definition_path(name)) in wrong))
        services = {name: _decode_one(machine, name, texts[name]) for name in chosen}
    return {name: DefinedService(services[name], text_digest(texts[name])) for name in chosen}, faulty


def _applied(machine: Machine, texts: Iterable[str]) -> frozenset[str]:
    """Return the services that were applied before, as far as their names may be none for new ones."""
    remembered = frozenset(machine.store.names())
    if all(name in remembered or validate_new_name(name) is None for name in texts):
        return remembered
    return remembered | {service for file in machine.units.read_all() if (service := service_of_file(file))}


def _decode_one(machine: Machine, name: str, text: str) -> Service:
    return decode(text, name=name, file=str(machine.definition_path(name)))


def judge_texts(machine: Machine, texts: Mapping[str, str], *, leaving: Iterable[str] = ()) -> None:
    """Raise DefinitionError if *texts*, by service, are faulty, alone or with the other definitions.

    What the services *leaving* have is free.
    """
    gone = frozenset(leaving)
    others = {name: text for name, text in machine.definition_files().items() if name not in gone}
    read_definitions(machine, texts, {**others, **texts}, leaving=gone)
