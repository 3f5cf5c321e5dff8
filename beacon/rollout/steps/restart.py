"""The restart that brings the candidate up; only now is the service down."""

from __future__ import annotations

from beacon.rollout.decisions.decide import Verdict
from beacon.rollout.handling.running import guarded, job_limit, runs, start, with_last_words
from beacon.rollout.steps import files
from beacon.rollout.steps.task import Task
from beacon.rollout.tools import moment


def do(task: Task) -> Verdict:
    """Restart the unit, after what the service needs; its limit counts from there."""
    tools, candidate = task.tools, task.candidate
    tools.await_needed(candidate.service, tools.require_wanted)
    tools.systemd.wait_idle(task.unit, job_limit(candidate))
    return with_last_words(tools, guarded(tools, lambda: start(tools, candidate)), task.facts.service)


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
