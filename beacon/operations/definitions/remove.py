"""Services go, and their definitions are kept for whoever wants one back."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from beacon.model.rollout.halt import Halt
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.definitions.leaving import left, purge, remove_defined, without_definition
from beacon.rollout.definitions.needing import refuse_mounted, refuse_needed
from beacon.rollout.driving.resuming import resume
from beacon.rollout.proposing.proposal import Proposal, ProposalRequest
from beacon.state.removed import keep
from beacon.wire.definition import Removed
from beacon.wire.outcome import outcome_infos


class RemoveRequest(Struct, frozen=True):
    """Which services (all if there are none), and whether their volumes are deleted, too."""

    services: tuple[str, ...] = ()
    purge: bool = False


def remove(machine: Machine, request: RemoveRequest, listener: Listener) -> Removed:
    """Remove units, what is remembered, and definitions; with *purge*, volumes too.

    A service that does not stop, whose files cannot be removed, or whose rollout cannot be ended, keeps its
    definition and is remembered: it can be removed again. Raises UsageError, with all as it was, if
    another service needs one of them.
    """
    machine.require_write("rm")
    names, tools = machine.select(request.services), machine.tools_for(listener)
    resumed = resume(tools, names)
    found = machine.definitions()
    refuse_needed(machine, names, found.texts)
    if request.purge:
        refuse_mounted(machine, names, found.texts)
    with machine.alone(names, listener, halt=Halt.REMOVE):
        paths = {name: machine.definition_path(name) for name in names}
        kept = keep(machine.paths.removed, paths, tools.timestamp())
        machine.outbox.log_left()  # what a state names cannot be logged once that is gone
        gone = remove_defined(tools, _proposal(machine, names, listener), names, resumed)
        outcomes = [without_definition(machine.definition_path(one.service), one) for one in gone]
    definitions = left(kept, outcomes)
    warnings = (*found.warnings, *machine.update_proxy(outcomes))
    if request.purge:
        outcomes = [purge(machine.engine, machine.engine_kind, outcome) for outcome in outcomes]
    return Removed(services=outcome_infos(outcomes), definitions=definitions, warnings=warnings)


def _proposal(machine: Machine, names: Sequence[str], listener: Listener) -> Proposal:
    request = ProposalRequest(definitions={}, gone=frozenset(names), overwrite=True)
    return machine.proposer_for(listener).propose(request, machine.units.read_all())
