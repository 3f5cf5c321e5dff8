"""Services that go for good, with their definitions and, if that is asked for, with their volumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from beacon.errors import BeaconError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.rollout.apply import execute
from beacon.rollout.definitions.machine import Engine
from beacon.rollout.proposing.proposal import Proposal
from beacon.rollout.readings import unended
from beacon.rollout.removal import remove_uninstalled
from beacon.rollout.tools import Tools
from beacon.state.files import remove
from beacon.state.removed import remove_copy


def remove_defined(
    tools: Tools, proposal: Proposal, names: Sequence[str], resumed: Iterable[Outcome] = ()
) -> list[Outcome]:
    """Stop the services *names*, remove their files and forget them, as *proposal* says.

    The caller holds their locks. One whose rollout has not ended stays: *resumed* says why it has not.
    """
    barred = unended(tools.store, names, resumed)
    outcomes = [*barred.values(), *execute(tools, proposal.without(barred), locked=names)]
    ended = {outcome.service for outcome in outcomes}
    for name in names:
        if name not in ended:
            end = remove_uninstalled(tools, name)
            fine = end.kind is OutcomeKind.REMOVED
            outcomes.append(replace(end, detail="it was not installed") if fine else end)
    return outcomes


def without_definition(path: Path, outcome: Outcome) -> Outcome:
    """Remove the definition at *path* of a service that is gone.

    It comes last, so that all can be tried again.
    """
    if outcome.kind is not OutcomeKind.REMOVED:
        return outcome
    try:
        remove(path)
    except BeaconError as error:
        detail = f"it is gone, but for its definition: {error.message}"
        return replace(outcome, kind=OutcomeKind.FAILED, detail=detail, hint=error.hint)
    return outcome


def left(kept: Mapping[str, Path], outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Return where the definitions are of the services that are gone; copies of others are removed."""
    gone = {outcome.service for outcome in outcomes if outcome.kind is OutcomeKind.REMOVED}
    for name, path in kept.items():
        if name not in gone:
            remove_copy(path)
    return tuple(str(path) for name, path in kept.items() if name in gone)


def purge(engine: Engine, command: str, outcome: Outcome) -> Outcome:
    """Delete the volumes of a service that is gone; *command* is what the engine is called by."""
    if outcome.kind is not OutcomeKind.REMOVED:
        return outcome
    volumes = [volume for volume, service in engine.volumes().items() if service == outcome.service]
    if not volumes:
        return replace(outcome, detail="it had no volumes")
    for volume in volumes:
        try:
            engine.remove_volume(volume)
        except BeaconError as error:
            detail = f"it is gone, but {volume} with its data is not: {error.message}"
            hint = f"{command} volume rm {volume}"
            return replace(outcome, kind=OutcomeKind.FAILED, detail=detail, hint=hint)
    return replace(outcome, detail=f"deleted with {', '.join(volumes)}")
