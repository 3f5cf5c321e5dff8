"""From definitions to a plan, with everything that keeps it from being done said before it is begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from beacon.errors import HostError, RegistryError
from beacon.model.notice import Notice
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import Trigger
from beacon.operations.definitions.admission import idle_notices, refuse_inadmissible
from beacon.operations.definitions.needing import refuse_needed
from beacon.operations.definitions.reading import read_definitions
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.apply import Proposal, Proposer, Wanted


class Planned(Struct, frozen=True):
    """A proposal, and what the owner should know of it."""

    proposal: Proposal
    warnings: tuple[Notice, ...]


class Asked(Struct, frozen=True, kw_only=True):
    """What is to be planned: *services*, or everything if there are none."""

    services: tuple[str, ...] = ()
    texts: Mapping[str, str] | None = None
    """The texts of definitions, if they are others than those of the folder."""
    overwrite: bool = False
    retry: bool = False
    stopped: tuple[str, ...] = ()
    """Services that are not to be started."""
    trigger: Trigger = Trigger.APPLY


def make_proposal(machine: Machine, asked: Asked, listener: Listener) -> Planned:
    """Return what must be done; raises what keeps it from being done."""
    installed = machine.units.read_all()
    machine.require_movable(installed)
    found = machine.definitions()
    texts = found.texts if asked.texts is None else asked.texts
    names = asked.services
    chosen = machine.select(names) if names and not set(names) <= set(texts) else names or tuple(texts)
    missing = [name for name in (chosen if names else machine.known_names()) if name not in texts]
    refuse_needed(machine, missing, texts, applied=chosen)
    definitions, faulty = read_definitions(machine, chosen, texts, leaving=missing)
    warnings = [*found.warnings, *refuse_inadmissible(machine, definitions)]
    warnings += (Notice(f"the definition of {name} is faulty; it is left as it is") for name in faulty)
    # One that cannot be read is defined all the same, and not to be removed.
    machine.require_readable(missing)
    wanted = Wanted(
        definitions=definitions,
        gone=frozenset(missing),
        everything=not names,
        overwrite=asked.overwrite,
        retry=asked.retry,
        stopped=frozenset(asked.stopped),
        trigger=asked.trigger,
    )
    proposal = proposer(machine, listener).propose(wanted, installed)
    return Planned(proposal, (*warnings, *idle_notices(machine, proposal)))


def proposer(machine: Machine, listener: Listener) -> Proposer:
    """Return what works plans out on this machine."""
    return Proposer(
        machine.world_for(listener), machine.registry_on_demand, machine.renderer, machine.platform
    )


def refuse_unplanned(outcomes: Sequence[Outcome]) -> None:
    """Raise what hindered services from being planned, if anything did."""
    if not outcomes:
        return
    own = any(outcome.kind is OutcomeKind.FAILED for outcome in outcomes)
    fault = HostError if own else RegistryError
    raise fault("\n".join(f"{one.service}: {one.detail}" for one in outcomes), hint=outcomes[0].hint)
