"""What must be done to have definitions run, said or done."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import PlanChangedError
from beacon.model.outcome import OutcomeKind
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.operations.running import watchable
from beacon.rollout.apply import execute, foreseen, hindered
from beacon.rollout.checking.news import log_outcomes
from beacon.rollout.definitions.planning import Asked, Planned, make_proposal, what_is_lacking
from beacon.rollout.driving.resuming import resume
from beacon.rollout.readings import unended
from beacon.rollout.tools import Tools
from beacon.wire.outcome import Outcomes, outcome_infos
from beacon.wire.plan import SHOWN, PlanAnswer, ServiceChanges, plan_answer


class ApplyRequest(Struct, frozen=True):
    """Which services (all if there are none), and whether edited files and quarantine are passed over."""

    services: tuple[str, ...] = ()
    overwrite: bool = False
    retry: bool = False
    plan: str = ""
    """How the digest of a plan begins that the owner has seen; another plan than that is not done."""


def plan(machine: Machine, request: ApplyRequest, listener: Listener) -> PlanAnswer:
    """Return what :func:`apply` would do, step by step, with the reason of each; changes nothing."""
    tools, planned = machine.tools_for(listener), _plan(machine, request, listener)
    lacks = what_is_lacking(tools, planned.proposal)
    return answer_of(tools, replace(planned, warnings=(*planned.warnings, *lacks)))


def answer_of(tools: Tools, planned: Planned) -> PlanAnswer:
    """Return a plan as answers have it."""
    proposal = planned.proposal
    rest = proposal.outcomes, tuple(hindered(proposal.plan)), planned.warnings
    changes = (ServiceChanges(service=name, changes=words) for name, words in proposal.changes.items())
    return replace(plan_answer(proposal.plan, foreseen(tools, proposal), *rest), changes=tuple(changes))


@watchable("apply")
def apply(machine: Machine, request: ApplyRequest, listener: Listener) -> Outcomes:
    """Plan, and do what the plan says. What a kill interrupted is ended first.

    Where it cannot be, that is the outcome of its service, to which nothing else is done.
    Raises PlanChangedError, and does nothing, if the plan is not the one that was asked for.
    """
    tools = machine.tools_for(listener)
    resumed = resume(tools, machine.select(request.services or None))
    planned = _plan(machine, request, listener)
    if request.plan:
        _require_as_seen(request.plan, answer_of(tools, planned))
    barred = unended(tools.store, [outcome.service for outcome in resumed], resumed)
    done = execute(tools, planned.proposal.without(barred))
    warnings = (*planned.warnings, *machine.update_proxy((*resumed, *done)))
    changed = {outcome.service for outcome in done if outcome.kind is not OutcomeKind.UNCHANGED}
    outcomes = (*(outcome for outcome in resumed if outcome.service not in changed), *done)
    log_outcomes(tools, outcomes)
    return Outcomes(services=outcome_infos(outcomes), warnings=warnings)


def _require_as_seen(digest: str, answer: PlanAnswer) -> None:
    if not answer.digest.startswith(digest.removeprefix("sha256:")):
        raise PlanChangedError(
            f"nothing is done: what is to be done has changed since plan {digest} was shown",
            hint=f"beacon plan shows it, and beacon apply --plan {answer.digest[:SHOWN]} does it",
        )


def _plan(machine: Machine, request: ApplyRequest, listener: Listener) -> Planned:
    names = machine.select(request.services) if request.services else ()
    asked = Asked(services=names, overwrite=request.overwrite, retry=request.retry)
    return make_proposal(machine, machine.proposer_for(listener), asked)
