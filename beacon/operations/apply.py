"""What must be done to have definitions run, said or done."""

from __future__ import annotations

from msgspec import Struct

from beacon.model.outcome import OutcomeKind
from beacon.operations.definitions.planning import Asked, Planned, make_proposal
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.apply import execute, hindered
from beacon.rollout.deploy import resume
from beacon.wire.outcome import Outcomes, outcome_infos
from beacon.wire.plan import PlanAnswer, plan_answer


class ApplyRequest(Struct, frozen=True):
    """Which services (all if there are none), and whether edited files and quarantine are passed over."""

    services: tuple[str, ...] = ()
    overwrite: bool = False
    retry: bool = False


def plan(machine: Machine, request: ApplyRequest, listener: Listener) -> PlanAnswer:
    """Return what :func:`apply` would do, step by step, with the reason of each; changes nothing."""
    planned = _plan(machine, request, listener)
    made = planned.proposal.plan
    return plan_answer(made, planned.proposal.outcomes, tuple(hindered(made)), planned.warnings)


def apply(machine: Machine, request: ApplyRequest, listener: Listener) -> Outcomes:
    """Plan, and do what the plan says. What a kill interrupted is ended first."""
    machine.require_write("apply")
    world = machine.world_for(listener)
    resumed = resume(world, machine.select(request.services or None))
    planned = _plan(machine, request, listener)
    done = execute(world, planned.proposal)
    warnings = (*planned.warnings, *machine.tell_proxy((*resumed, *done)))
    told = {outcome.service for outcome in done if outcome.kind is not OutcomeKind.UNCHANGED}
    outcomes = (*(outcome for outcome in resumed if outcome.service not in told), *done)
    return Outcomes(services=outcome_infos(outcomes), warnings=warnings)


def _plan(machine: Machine, request: ApplyRequest, listener: Listener) -> Planned:
    names = machine.select(request.services) if request.services else ()
    asked = Asked(services=names, overwrite=request.overwrite, retry=request.retry)
    return make_proposal(machine, asked, listener)
