"""The owner's before_update hook. It may stop the service: then it is the rollout that has it down."""

from __future__ import annotations

from beacon.rollout.decisions.blame import Blame
from beacon.rollout.decisions.decide import PASSED, Verdict, failed
from beacon.rollout.handling.late import await_hook
from beacon.rollout.handling.running import run_hook
from beacon.rollout.steps.task import Task


def do(task: Task) -> Verdict:
    """Ask whether the rollout may go on."""
    fault = run_hook(task.tools, task.candidate.service.hooks.before_update, task.candidate)
    return PASSED if fault is None else failed(f"before_update says no: {fault}", Blame.OWNER)


def await_end(task: Task) -> Verdict:
    """Wait for one that outlives the Beacon that began it; nobody hears what it says, so it is asked anew."""
    await_hook(task.tools, task.facts.service)
    return failed("it was cut off while before_update ran, and is tried again", Blame.OWNER)
