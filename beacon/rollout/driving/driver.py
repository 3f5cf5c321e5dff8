"""One rollout, step by step: its list is on disk, and each step can be done again.

:func:`finish` carries a rollout out from wherever its record says it has come, so that one just begun and one
found after a kill take the same way. docs/states.md tells what each kill leads to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from msgspec.structs import replace

from beacon.errors import BeaconError, MachineError
from beacon.model.machine import Engine
from beacon.model.outcome import Outcome
from beacon.model.release import ReleaseState, ServiceState, Trigger
from beacon.model.rollout.halt import Halt
from beacon.model.rollout.record import Cause, Decision, Rollout, StepKind, turned_back
from beacon.model.runtime import UnitState
from beacon.rollout.decisions.blame import Blame, find_blame
from beacon.rollout.decisions.decide import CANCELED, PASSED, STOPPED, Gate, Verdict, blamed
from beacon.rollout.driving.ending import commit, end_back
from beacon.rollout.handling.running import DAEMON, not_stopped, require_up
from beacon.rollout.steps.table import STEPS
from beacon.rollout.steps.task import Step, Task
from beacon.rollout.tools import Tools, moment


def finish(tools: Tools, state: ServiceState, rollout: Rollout, *, cut_off: bool = False) -> Outcome:
    """Carry a rollout out to its end; *cut_off* says that another process had begun to.

    Raises GoingDownError if the machine is stopping, MachineError if the way back is barred: then the record
    stays, and the next run goes on from there.
    """
    task = Task(_heeding(tools.on(rollout.facts.engine), state, rollout), state, rollout)
    try:
        task, verdict = _do_all(task, cut_off=cut_off)
    finally:
        tools.reporter.step(state.name, None)
    return end_back(task, verdict) if task.rollout.decision is Decision.BACK else commit(task)


def _heeding(tools: Tools, state: ServiceState, rollout: Rollout) -> Tools:
    """Return the machine on which a rollout is canceled, too, once its owner waits for it to turn back."""
    return tools.unless(lambda: _halt(tools, state, rollout) is not None)


def _halt(tools: Tools, state: ServiceState, rollout: Rollout) -> Halt | None:
    """Return what its owner waits to do, if that has the rollout turn back."""
    halt = tools.store.halt(rollout.facts.service)
    return halt if halt is None or halt.leaves_down or is_held_back(state, rollout) else None


def is_held_back(state: ServiceState, rollout: Rollout) -> bool:
    """Say whether a hold has a rollout turn back: one to a new image, which nobody but Beacon began.

    A first release has nothing to go back to, and what an apply or a rollback brings is the owner's own.
    """
    candidate = state.release(rollout.facts.release)
    is_update = candidate is not None and candidate.trigger is Trigger.UPDATE
    is_new = candidate is not None and candidate.state is ReleaseState.CANDIDATE
    return is_update and is_new and rollout.facts.has_way_back


def _do_all(task: Task, *, cut_off: bool) -> tuple[Task, Verdict]:
    """Do all steps; return how the rollout ends, and what became of the release before if it went back."""
    verdict, on_disk = PASSED, task.rollout
    while (kind := task.rollout.step) is not None:
        step, going_back = STEPS[kind], task.rollout.decision is Decision.BACK
        if cut_off and step.is_done(task):
            task = task.at_next()
            continue
        task.tools.reporter.step(task.facts.service, kind)
        if going_back:
            ended = step.do(task.undisturbed())
        else:
            task, ended, on_disk = _do_forth(task, step, on_disk, cut_off=cut_off)
        cut_off = False
        if ended.gate is Gate.FAILED and not going_back:
            task = replace(task, rollout=_turn_back(task, ended))
            continue
        # Behind a former release that fails there is nothing to go back to: all else is done all the same.
        verdict = ended if ended.gate is Gate.FAILED else verdict
        task = task.at_next()
    return task, verdict


def _do_forth(task: Task, step: Step, on_disk: Rollout, *, cut_off: bool) -> tuple[Task, Verdict, Rollout]:
    """Do a step, after what it waits for; return how it ended, and what is on disk of the rollout."""
    ended = PASSED
    if step.wait is not None:
        ended, on_disk = _attempt(task, step.wait, step, on_disk)
    if ended.gate is Gate.FAILED:
        return task, ended, on_disk
    if step.takes_down and not cut_off:
        task = _with_those_up(task)
    do = step.resume if cut_off and step.resume is not None else step.do
    return task, *_attempt(task, do, step, on_disk)


def _attempt(
    task: Task, do: Callable[[Task], Verdict], step: Step, on_disk: Rollout
) -> tuple[Verdict, Rollout]:
    """Do what belongs to a step, which is on disk first; what hinders it is the machine's fault."""
    # A hook that outlives a kill may be at work on what the way back starts: it is awaited in any case.
    if task.tools.is_canceled() and do is not STEPS[StepKind.HOOK].resume:
        return CANCELED, on_disk
    try:
        if task.rollout != on_disk and (step.leads or step.shows):
            on_disk = task.rollout
            _note(task, step)
        return do(task), on_disk
    except BeaconError as error:
        require_up(task.tools)
        return blamed(find_blame(error)), on_disk


def _note(task: Task, step: Step) -> None:
    """Write down that a step begins; MachineError if that fails, and it would not be found otherwise."""
    try:
        task.tools.store.save_rollout(task.rollout)
    except MachineError:
        if step.leads:
            raise


def _turn_back(task: Task, verdict: Verdict) -> Rollout:
    """Return the rollout on its way back, written down."""
    rollout, reason = task.rollout, verdict.reason
    cause = _cause(task, verdict)
    halt = _halt(task.tools, task.state, rollout) if verdict == CANCELED else None
    if halt is not None:
        cause, reason = Cause.STOPPED if halt.leaves_down else Cause.OWNER, halt.reason
    if _has_lost_its_daemon(task):
        cause, reason = Cause.MACHINE, f"docker's daemon ended meanwhile: {reason}"
    # The way back starts the service anew: whom their owner stopped since is only known now.
    rollout = _without_stopped(task.tools, rollout)
    rollout = turned_back(rollout, cause, reason, certain=verdict.certain, met=_unit(task))
    # On a full disk the record cannot be written, but bringing the service back matters more:
    # the one on disk is of before, from which the next run comes here again.
    with contextlib.suppress(MachineError):
        task.tools.store.save_rollout(rollout)
    return rollout


def _unit(task: Task) -> UnitState | None:
    """Return the service's unit; None where systemd does not say."""
    try:
        return task.tools.unit(task.unit)
    except BeaconError:
        return None


def _with_those_up(task: Task) -> Task:
    """Return a rollout that is about to take the service down: whom their owner stopped is only known now.

    Where a hook ran, it may have been that: what it stopped is started again.
    """
    return task if task.facts.hook else replace(task, rollout=_without_stopped(task.tools, task.rollout))


def _without_stopped(tools: Tools, rollout: Rollout) -> Rollout:
    """Return a rollout that leaves those down whom their owner stopped while the service was up."""
    facts = rollout.facts
    with contextlib.suppress(BeaconError):  # as many as were up are too many rather than too few
        left = not_stopped(tools, facts.dependents, facts.service)
        return replace(rollout, facts=replace(facts, dependents=left))
    return rollout


def _cause(task: Task, verdict: Verdict) -> Cause:
    if verdict.blame is Blame.MACHINE:
        return Cause.MACHINE
    if verdict.blame is not Blame.OWNER:
        return Cause.IMAGE
    if task.rollout.step is StepKind.HOOK:
        return Cause.HOOK
    # Of a helper that was stopped the service itself knows nothing.
    return Cause.STOPPED if verdict == STOPPED and task.rollout.step is not StepKind.BESIDE else Cause.OWNER


def _has_lost_its_daemon(task: Task) -> bool:
    tools = task.tools
    if tools.engine_kind() is not Engine.DOCKER:
        return False
    daemon = tools.unit(DAEMON)
    # What needs it is stopped first: then it is still up, with a job of its own waiting.
    is_well = daemon.active == "active" and daemon.job == 0
    return not is_well or daemon.started > moment(task.facts.started).timestamp() * 1e6
