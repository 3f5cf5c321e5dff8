"""How each step is done."""

from __future__ import annotations

from collections.abc import Mapping

from beacon.model.rollout.record import StepKind
from beacon.rollout.steps import beside, copies, dependents, files, former, gate, hook, requests, restart
from beacon.rollout.steps.task import Step

STEPS: Mapping[StepKind, Step] = {
    StepKind.HOOK: Step(hook.do, resume=hook.await_end),
    StepKind.STOP: Step(copies.stop, takes_down=True),
    StepKind.COPY: Step(copies.copy),
    StepKind.BESIDE: Step(beside.do),
    StepKind.AHEAD: Step(requests.ahead),
    StepKind.FILES: Step(files.put),
    StepKind.WAIT: Step(requests.wait, leads=False, wait=restart.await_needed),
    StepKind.RESTART: Step(
        restart.do, restart.is_done, resume=restart.resume, takes_down=True, wait=restart.await_needed
    ),
    StepKind.GATE: Step(gate.do, resume=gate.resume, leads=False, shows=True),
    StepKind.RETURN: Step(requests.give_back, leads=False),
    StepKind.DEPENDENTS: Step(dependents.do, leads=False),
    StepKind.FORMER_FILES: Step(files.put_back, leads=False),
    StepKind.FORMER_START: Step(former.bring_up, leads=False),
    StepKind.FORMER_STOP: Step(former.leave_down, leads=False),
    StepKind.DROP_COPIES: Step(copies.remove, leads=False),
}
"""A way back is on disk as a whole before it begins, and each of its steps may be done again."""
