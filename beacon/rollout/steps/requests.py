"""Where the proxy sends a service's requests meanwhile; files in /run say so, which a boot takes away."""

from __future__ import annotations

from beacon.rollout.decisions.decide import PASSED, STOPPED, Verdict
from beacon.rollout.handling.handover import come_back, go_ahead
from beacon.rollout.steps.task import Task


def ahead(task: Task) -> Verdict:
    """Send requests to the helper, and wait for those that the live release still answers."""
    live = task.former
    # Its hook may have stopped it, for a backup: that is no stop by its owner.
    if live is None or (task.tools.unit(task.unit).is_stopped and not task.facts.hook):
        return STOPPED
    go_ahead(task.tools, task.candidate, live)
    return PASSED


def wait(task: Task) -> Verdict:
    """Have requests wait until they can be answered."""
    task.tools.traffic.wait(task.facts.service, waiting=True)
    return PASSED


def give_back(task: Task) -> Verdict:
    """Have the service's own unit answer alone, and end the helper."""
    come_back(task.tools, task.facts, task.candidate)
    return PASSED
