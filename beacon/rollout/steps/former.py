"""The release before the candidate, as it was: started and healthy, or stopped."""

from __future__ import annotations

from beacon.model.release import Release
from beacon.model.rollout.record import StepKind
from beacon.rollout.decisions.decide import PASSED, Gate, Verdict
from beacon.rollout.handling.health import watch
from beacon.rollout.handling.running import (
    guarded,
    has_container,
    is_done,
    job_limit,
    require_daemon,
    runs,
    start,
)
from beacon.rollout.steps.task import Task
from beacon.rollout.tools import Tools, moment

_UNTOUCHED = {StepKind.HOOK, StepKind.BESIDE, StepKind.AHEAD, StepKind.FILES, StepKind.WAIT}
"""Steps at which the service still runs as it did, unless its hook has stopped it."""


def bring_up(task: Task) -> Verdict:
    """Start it unless it runs, and wait until it is healthy."""
    former, tools = task.former, task.former_tools
    if former is None:
        return PASSED
    require_daemon(tools)
    if has_container(tools, former):
        tools.systemd.wait_idle(task.unit, job_limit(former))  # a kill came while it was coming up
    if not runs(tools, former) and not _is_done_still(task, former):  # it does if no file could be written
        return _started(tools, former)
    if task.rollout.turned in _UNTOUCHED:
        return PASSED
    return guarded(tools, lambda: watch(tools, former))


def _is_done_still(task: Task, former: Release) -> bool:
    """Say whether a job was done before the rollout began, and has not been run since."""
    unit = task.tools.unit(task.unit)
    return is_done(former, unit) and unit.started < moment(task.facts.started).timestamp() * 1e6


def _started(tools: Tools, former: Release) -> Verdict:
    verdict = guarded(tools, lambda: start(tools, former))
    return verdict if verdict.gate is Gate.FAILED else guarded(tools, lambda: watch(tools, former))


def leave_down(task: Task) -> Verdict:
    """Stop what the candidate's start may have left, and have it down as its owner wants it."""
    former = task.former
    task.tools.systemd.stop(task.unit, job_limit(former or task.candidate))
    # One that was not up yet when it was stopped ends as failed, and would be updated again.
    task.tools.systemd.reset_failed(task.unit)
    return PASSED
