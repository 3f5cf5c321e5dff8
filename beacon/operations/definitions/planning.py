"""What works plans out on a machine, and what it is asked."""

from __future__ import annotations

from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.definitions import planning
from beacon.rollout.definitions.planning import Asked, Planned
from beacon.rollout.proposing.proposer import Proposer


def make_proposal(machine: Machine, asked: Asked, listener: Listener) -> Planned:
    """Return what must be done; raises what keeps it from being done."""
    return planning.make_proposal(machine, proposer(machine, listener), asked)


def proposer(machine: Machine, listener: Listener) -> Proposer:
    """Return what works plans out on this machine."""
    return Proposer(
        machine.tools_for(listener), machine.registry_on_demand, machine.renderer, machine.platform
    )
