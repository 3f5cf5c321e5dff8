"""Services go, and their definitions are kept for whoever wants one back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import BeaconError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.operations.definitions.needing import refuse_mounted, refuse_needed
from beacon.operations.definitions.planning import proposer
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.apply import Wanted, execute
from beacon.rollout.deploy import resume
from beacon.rollout.removal import take_down
from beacon.state.files import remove as delete
from beacon.state.removed import drop, keep
from beacon.wire.definition import Removed
from beacon.wire.outcome import outcome_infos


class RemoveRequest(Struct, frozen=True):
    """Which services (all if there are none), and whether their volumes are deleted, too."""

    services: tuple[str, ...] = ()
    purge: bool = False


def remove(machine: Machine, request: RemoveRequest, listener: Listener) -> Removed:
    """Remove units, what is remembered, and definitions; with *purge*, volumes too.

    A service that does not stop, or whose files cannot be removed, keeps its definition and is remembered:
    it can be removed again. Raises UsageError, with all as it was, if another service needs one of them.
    """
    machine.require_write("rm")
    names, world = machine.select(request.services), machine.world_for(listener)
    resume(world, names)
    found = machine.definitions()
    refuse_needed(machine, names, found.texts)
    if request.purge:
        refuse_mounted(machine, names, found.texts)
    with machine.alone(names, listener):
        places = {name: machine.definition_path(name) for name in names}
        kept = keep(machine.paths.removed, places, world.timestamp())
        outcomes = [_without_definition(machine, one) for one in _take_away(machine, names, listener)]
    left = _left(kept, outcomes)
    warnings = (*found.warnings, *machine.tell_proxy(outcomes))
    if request.purge:
        outcomes = [_purge(machine, outcome) for outcome in outcomes]
    return Removed(services=outcome_infos(outcomes), definitions=left, warnings=warnings)


def _take_away(machine: Machine, names: Sequence[str], listener: Listener) -> list[Outcome]:
    """Stop services, remove their files and forget them."""
    wanted = Wanted(definitions={}, gone=frozenset(names), overwrite=True)
    world = machine.world_for(listener)
    proposal = proposer(machine, listener).propose(wanted, machine.units.read_all())
    outcomes = list(execute(world, proposal, locked=names))
    told = {outcome.service for outcome in outcomes}
    for name in names:
        if name not in told:
            end = take_down(world, name)
            fine = end.kind is OutcomeKind.REMOVED
            outcomes.append(replace(end, detail="it was not installed") if fine else end)
    return outcomes


def _without_definition(machine: Machine, outcome: Outcome) -> Outcome:
    """Remove the definition of a service that is gone; it comes last, so that all can be tried again."""
    if outcome.kind is not OutcomeKind.REMOVED:
        return outcome
    try:
        delete(machine.definition_path(outcome.service))
    except BeaconError as error:
        detail = f"it is gone, but for its definition: {error.message}"
        return replace(outcome, kind=OutcomeKind.FAILED, detail=detail, hint=error.hint)
    return outcome


def _left(kept: Mapping[str, Path], outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Return where the definitions are of the services that are gone; copies of others are dropped."""
    gone = {outcome.service for outcome in outcomes if outcome.kind is OutcomeKind.REMOVED}
    for name, path in kept.items():
        if name not in gone:
            drop(path)
    return tuple(str(path) for name, path in kept.items() if name in gone)


def _purge(machine: Machine, outcome: Outcome) -> Outcome:
    """Delete the volumes of a service that is gone."""
    if outcome.kind is not OutcomeKind.REMOVED:
        return outcome
    volumes = [volume for volume, service in machine.engine.volumes().items() if service == outcome.service]
    if not volumes:
        return replace(outcome, detail="it had no volumes")
    for volume in volumes:
        try:
            machine.engine.remove_volume(volume)
        except BeaconError as error:
            detail = f"it is gone, but {volume} with its data is not: {error.message}"
            hint = f"{machine.engine_kind} volume rm {volume}"
            return replace(outcome, kind=OutcomeKind.FAILED, detail=detail, hint=hint)
    return replace(outcome, detail=f"deleted with {', '.join(volumes)}")
