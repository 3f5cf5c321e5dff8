"""The restart that brings the candidate up; only now is the service down."""

from __future__ import annotations

from beacon.definition.rules import requirements
from beacon.rollout.decisions.decide import PASSED, STOPPED, Verdict
from beacon.rollout.decisions.down import Down
from beacon.rollout.fallen import down_because
from beacon.rollout.handling.running import guarded, job_limit, runs, start, with_last_words
from beacon.rollout.steps import files
from beacon.rollout.steps.task import Task
from beacon.rollout.tools import moment


def await_needed(task: Task) -> Verdict:
    """Wait for the rollouts of what the service needs; its owner may stop it meanwhile."""
    tools, service, former = task.tools, task.candidate.service, task.former
    if not any(requirements(service)):
        return PASSED
    was_up = tools.unit(task.unit).is_up
    tools.await_needed(service, tools.require_wanted)
    now = tools.unit(task.unit)
    if former is None or not was_up or not now.is_stopped:
        return PASSED
    return STOPPED if down_because(tools.systemd, former, now) is Down.OWNER else PASSED


def do(task: Task) -> Verdict:
    """Restart the unit; its limit counts from here."""
    tools, candidate = task.tools, task.candidate
    tools.systemd.wait_idle(task.unit, job_limit(candidate))
    return with_last_words(tools, guarded(tools, lambda: start(tools, candidate)), candidate)


def resume(task: Task) -> Verdict:
    """Do it after a kill, with the candidate's files."""
    if not files.are_there(task):
        files.put(task)
    return do(task)


def is_done(task: Task) -> bool:
    """Say whether the unit has been restarted since, and runs the candidate."""
    if task.facts.previous == task.facts.release or not files.are_there(task):
        return False
    task.tools.systemd.wait_idle(task.unit, job_limit(task.candidate))
    return runs(task.tools, task.candidate, since=moment(task.facts.started))
