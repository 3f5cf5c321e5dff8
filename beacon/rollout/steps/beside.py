"""A candidate that runs beside the live release, in a helper that is a plain unit of its own."""

from __future__ import annotations

from beacon.rollout.decisions.decide import PENDING, Gate, Verdict
from beacon.rollout.handling.handover import helper_of, second_addresses_of
from beacon.rollout.handling.health import watch
from beacon.rollout.handling.running import guarded, runs, start, with_last_words
from beacon.rollout.steps.task import Task


def do(task: Task) -> Verdict:
    """Start the helper unless it runs, and wait until it is healthy."""
    tools, helper = task.tools, helper_of(task.candidate)
    addresses = second_addresses_of(task.candidate, task.facts.addresses)

    def gate() -> Verdict:
        tools.put_helper(task.facts.beside)
        verdict = PENDING if runs(tools, helper) else start(tools, helper)
        return verdict if verdict.gate is Gate.FAILED else watch(tools, helper, addresses)

    return with_last_words(tools, guarded(tools, gate), helper)
