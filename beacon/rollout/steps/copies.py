"""A service that is stopped, and volumes that are copied meanwhile: what they hold must not change."""

from __future__ import annotations

from beacon.errors import MachineError
from beacon.model.runtime import JobResult
from beacon.rollout.decisions.decide import PASSED, Verdict
from beacon.rollout.handling import move
from beacon.rollout.handling.running import job_limit
from beacon.rollout.steps.task import Task


def stop(task: Task) -> Verdict:
    """Stop the service; of a first release there is no unit yet."""
    if task.facts.previous is None:
        return PASSED
    if task.tools.systemd.stop(task.unit, job_limit(task.candidate)) is not JobResult.DONE:
        raise MachineError(f"{task.unit} could not be stopped to copy its data")
    return PASSED


def copy(task: Task) -> Verdict:
    """Copy the volumes; those that were begun are deleted first."""
    move.copy(task.tools, task.facts, task.candidate)
    return PASSED


def remove(task: Task) -> Verdict:
    """Remove the copies; the data is where it was."""
    move.remove_copies(task.tools, task.facts.targets)
    return PASSED
