"""What `beacon rm` does: services go, and their definitions are kept for whoever wants one back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from beacon.cli.needing import refuse_mounted, refuse_needed
from beacon.cli.workflow import proposer
from beacon.errors import BeaconError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.rollout.apply import Wanted, execute
from beacon.rollout.deploy import resume
from beacon.rollout.removal import take_down
from beacon.state.files import remove
from beacon.state.removed import drop, keep

if TYPE_CHECKING:
    from pathlib import Path

    from beacon.cli.host import Host


def remove_services(host: Host, names: Sequence[str], *, purge: bool) -> tuple[Outcome, ...]:
    """Remove units, what is remembered, and definitions; with *purge*, volumes too.

    A service that does not stop, or whose files cannot be removed, keeps its definition and is remembered:
    it can be removed again. Raises UsageError, with all as it was, if another service needs one of them.
    """
    resume(host.world, names)
    texts = host.definition_files()
    refuse_needed(host, names, texts)
    if purge:
        refuse_mounted(host, names, texts)
    with host.alone(names):
        kept = keep(
            host.paths.removed, {name: host.definition_path(name) for name in names}, host.world.timestamp()
        )
        outcomes = [_without_definition(host, outcome) for outcome in _take_away(host, names)]
    _tell(host, kept, outcomes)
    host.follow(outcomes)
    return tuple(_purge(host, outcome) for outcome in outcomes) if purge else tuple(outcomes)


def _take_away(host: Host, names: Sequence[str]) -> list[Outcome]:
    """Stop services, remove their files and forget them."""
    wanted = Wanted(definitions={}, gone=frozenset(names), overwrite=True)
    proposal = proposer(host).propose(wanted, host.units.read_all())
    outcomes = list(execute(host.world, proposal, locked=names))
    told = {outcome.service for outcome in outcomes}
    for name in names:
        if name not in told:
            end = take_down(host.world, name)
            fine = end.kind is OutcomeKind.REMOVED
            outcomes.append(replace(end, detail="it was not installed") if fine else end)
    return outcomes


def _without_definition(host: Host, outcome: Outcome) -> Outcome:
    """Remove the definition of a service that is gone; it comes last, so that all can be tried again."""
    if outcome.kind is not OutcomeKind.REMOVED:
        return outcome
    try:
        remove(host.definition_path(outcome.service))
    except BeaconError as error:
        detail = f"it is gone, but for its definition: {error.message}"
        return replace(outcome, kind=OutcomeKind.FAILED, detail=detail, hint=error.hint)
    return outcome


def _tell(host: Host, kept: dict[str, Path], outcomes: Iterable[Outcome]) -> None:
    """Say where the definitions are of the services that are gone."""
    gone = {outcome.service for outcome in outcomes if outcome.kind is OutcomeKind.REMOVED}
    for name, path in kept.items():
        if name not in gone:
            drop(path)
    left = [path for name, path in kept.items() if name in gone]
    if len(left) == 1:
        host.output.say(f"the definition is kept: {left[0]}")
    elif left:
        host.output.say(f"the definitions are kept in {left[0].parent}")


def _purge(host: Host, outcome: Outcome) -> Outcome:
    """Delete the volumes of a service that is gone."""
    if outcome.kind is not OutcomeKind.REMOVED:
        return outcome
    volumes = [volume for volume, service in host.engine.volumes().items() if service == outcome.service]
    if not volumes:
        return replace(outcome, detail="it had no volumes")
    for volume in volumes:
        try:
            host.engine.remove_volume(volume)
        except BeaconError as error:
            detail = f"it is gone, but {volume} with its data is not: {error.message}"
            hint = f"{host.engine_kind} volume rm {volume}"
            return replace(outcome, kind=OutcomeKind.FAILED, detail=detail, hint=hint)
    return replace(outcome, detail=f"deleted with {', '.join(volumes)}")
