"""Services that an update finds without a live release: taken over where they are installed, else named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from beacon.errors import DefinitionError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import ServiceState
from beacon.model.unit import service_files
from beacon.operations.definitions.planning import Asked, make_proposal
from beacon.operations.definitions.reading import read_definitions
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.apply import execute
from beacon.rollout.candidates import Definition
from beacon.rollout.takeover import TakeOver, record, unremembered
from beacon.units.mark import is_edited


def follow_again(machine: Machine, states: Mapping[str, ServiceState], listener: Listener) -> list[Outcome]:
    """Remember again what is installed of services, and start what of it does not run.

    *states* say nothing of what is live. Returns how those ended that are not merely followed from now on.
    """
    texts = machine.definition_files()
    lost = unremembered(states.values(), machine.units.read)
    definitions, outcomes = _definitions(machine, [name for name in states if name in texts and name in lost])
    outcomes += [_unapplied(machine, name) for name in states if name in texts and name not in lost]
    outcomes += [orphan(name) for name in lost if name not in texts]
    world = machine.world_for(listener)
    look = TakeOver(world, machine.registry, machine.renderer, machine.platform)
    taken = look.look(definitions, states, lost)
    record(world, taken)
    left = [name for name in definitions if name not in taken.states]
    if left:
        planned = make_proposal(machine, Asked(services=tuple(left)), listener)
        outcomes += execute(world, planned.proposal)
    return outcomes


def _definitions(machine: Machine, names: Iterable[str]) -> tuple[dict[str, Definition], list[Outcome]]:
    """Return the definitions of *names*, and what is to be said of those that are faulty."""
    texts = machine.definition_files()
    definitions: dict[str, Definition] = {}
    outcomes = []
    for name in names:
        try:
            definitions |= read_definitions(machine, [name], texts)[0]
        except DefinitionError as error:
            detail = f"nothing is remembered of it, and its definition is faulty: {error.faults[0]}"
            outcomes.append(Outcome(name, OutcomeKind.DEFERRED, detail, f"beacon edit {name}"))
    return definitions, outcomes


def _unapplied(machine: Machine, name: str) -> Outcome:
    edited = [file for file in service_files(name) if is_edited(machine.units.read(file))]
    if edited:
        detail = f"{edited[0]} was changed by hand, and nothing is remembered of it"
        return Outcome(name, OutcomeKind.HELD, detail, f"beacon apply --overwrite {name}")
    return Outcome(name, OutcomeKind.HELD, "it was not applied yet", f"beacon apply {name}")


def orphan(name: str) -> Outcome:
    """Return what is to be said of a service that has a unit of Beacon's, and nothing else."""
    detail = "it is installed, but neither defined nor remembered: nothing updates it"
    return Outcome(name, OutcomeKind.HELD, detail, "beacon plan shows what beacon apply would remove")
