"""Units that need the service: a restart takes them along, and a start that fails takes them down."""

from __future__ import annotations

from beacon.rollout.decisions.decide import PASSED, Verdict
from beacon.rollout.handling.running import bring_up, not_stopped
from beacon.rollout.steps.task import Task


def do(task: Task) -> Verdict:
    """See that those are up again that were up before, unless their owner stopped them since."""
    bring_up(task.tools, not_stopped(task.tools, task.facts.dependents, task.facts.service))
    return PASSED
