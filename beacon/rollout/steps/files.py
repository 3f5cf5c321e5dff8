"""Unit files written, and read by systemd, as one step: whoever starts the service finds all of them."""

from __future__ import annotations

from beacon.rollout.decisions.decide import PASSED, Verdict
from beacon.rollout.steps.task import Task


def put(task: Task) -> Verdict:
    """Put the candidate's files in place."""
    task.tools.put_files(task.facts.after)
    return PASSED


def are_there(task: Task) -> bool:
    """Say whether they are: a way back that could not be written down may have begun to put others there."""
    return all(task.tools.files.read(name) == text for name, text in task.facts.after.items())


def put_back(task: Task) -> Verdict:
    """Put the files in place that were there before."""
    task.tools.put_files(task.facts.before)
    return PASSED
