"""Which services need others, so that those cannot be removed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from beacon.definition.decode import decode
from beacon.definition.rules import requirements
from beacon.errors import DefinitionError, UsageError
from beacon.model.service import Service
from beacon.rollout.definitions.machine import Machine
from beacon.rollout.readings import live_releases

_Need = tuple[str, str]
"""A sentence, and what its owner can do about it."""


def refuse_needed(
    machine: Machine, gone: Collection[str], texts: Mapping[str, str], applied: Collection[str] = ()
) -> None:
    """Raise UsageError if services that stay need one of those that are *gone*, or are on its network.

    That is by their definitions (*texts*, by name), and as they run unless they are *applied* as well.
    """
    needs = [
        (f"{service.name} {'needs' if key.startswith('needs') else 'is on the network of'} {target}", hint)
        for service, hint in (_staying(machine, gone, texts, applied) if gone else ())
        for key, target in requirements(service)
        if target in gone
    ]
    _refuse(f"cannot remove {', '.join(sorted(gone))}", needs)


def refuse_mounted(machine: Machine, gone: Collection[str], texts: Mapping[str, str]) -> None:
    """Raise UsageError if services that stay mount a volume of one of those that are *gone*."""
    owners = {volume: owner for volume, owner in machine.engine.volumes().items() if owner in gone}
    needs = [
        (f"{service.name} mounts {volume.external}, which is {owners[volume.external]}'s", hint)
        for service, hint in _staying(machine, gone, texts)
        for volume in service.volumes
        if volume.external in owners
    ]
    _refuse(f"cannot delete the data of {', '.join(sorted(gone))}", needs)


def _staying(
    machine: Machine, gone: Collection[str], texts: Mapping[str, str], applied: Collection[str] = ()
) -> Iterator[tuple[Service, str]]:
    """Yield the services that stay, by their definitions and as they run, and how each is changed."""
    for name, text in texts.items():
        if name not in gone:
            try:
                yield decode(text, name=name, file=name), f"beacon edit {name} --apply"
            except DefinitionError:
                continue  # those who apply it say what it is at
    for name, live in (live_releases(machine.store, ()) or {}).items():
        if name not in gone and name not in applied:
            yield live.service, f"beacon apply {name}, if its definition says otherwise by now"


def _refuse(what: str, needs: Sequence[_Need]) -> None:
    found: dict[str, str] = {}
    for sentence, hint in needs:
        found.setdefault(sentence, hint)  # by the definition first
    if found:
        raise UsageError(f"{what}: {'; '.join(found)}", hint=f"first: {next(iter(found.values()))}")
