"""The health gate of the candidate."""

from __future__ import annotations

from beacon.rollout.decisions.decide import Gate, Verdict
from beacon.rollout.handling.health import watch
from beacon.rollout.handling.running import guarded, is_done, runs, with_last_words
from beacon.rollout.steps import files, restart
from beacon.rollout.steps.task import Task
from beacon.rollout.tools import moment


def resume(task: Task) -> Verdict:
    """Watch it after a kill, once it runs: the way back may have begun, on a disk that could hold no word."""
    unit, candidate = task.tools.unit(task.unit), task.candidate
    since = moment(task.facts.started) if is_done(candidate, unit) else None
    is_another = unit.active == "active" and not runs(task.tools, candidate, since=since)
    if is_another or not files.are_there(task):
        verdict = restart.resume(task)
        if verdict.gate is Gate.FAILED:
            return verdict
    return do(task)


def do(task: Task) -> Verdict:
    """Watch the candidate until it is healthy or has failed."""
    tools, candidate, facts = task.tools, task.candidate, task.facts
    # What is up when its update comes is a server more likely than a job.
    runs_on = facts.has_way_back and facts.was_up and facts.was != "failed"
    verdict = guarded(tools, lambda: watch(tools, candidate, facts.addresses, runs_on=runs_on))
    return with_last_words(tools, verdict, candidate)
