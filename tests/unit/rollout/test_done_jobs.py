"""Jobs whose units are up once they have ended (oneshot): a rollout runs each release of them once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from beacon.model.outcome import OutcomeKind
from beacon.model.rollout.halt import Halt
from beacon.model.runtime import JobResult
from beacon.model.service import Hooks, Restart, RestartPolicy
from beacon.rollout.driving.resuming import resume
from tests.fakes.machine import FakeMachine, KilledError
from tests.fakes.stage import is_at_rest, push, roll_out, service, tools

JOB = service(restart=Restart(RestartPolicy.ONESHOT))


class Jobs(FakeMachine):
    """A machine on which all that is started ends at once, and its unit stays up."""

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        result = super().restart(unit, limit, hopeless)
        state = self.units[unit]
        if state.running is not None:
            self.log.append(f"release {state.running[1]} ran")
            state.sub, state.running = "exited", None
        return result


def runs_of(machine: FakeMachine, number: int) -> int:
    """Return how often a release has been run."""
    return machine.log.count(f"release {number} ran")


def test_a_job_that_nothing_has_touched_is_not_run_again_by_the_way_back(machine: Jobs) -> None:
    refusing = replace(JOB, hooks=Hooks(before_update=("false",)))
    assert roll_out(machine, push(machine, "2"), refusing).kind is OutcomeKind.DEFERRED
    machine.halts = lambda: Halt.HOLD
    assert roll_out(machine, push(machine, "3"), JOB).kind is OutcomeKind.DEFERRED
    assert runs_of(machine, 1) == 1


def test_a_kill_has_no_job_run_again_that_was_done(machine: Jobs) -> None:
    two = push(machine, "2")
    for kill_at in range(200):
        trial = machine.copy()
        trial.log, trial.units = [], {name: dataclasses.replace(unit) for name, unit in machine.units.items()}
        trial.kill_at = kill_at
        try:
            roll_out(trial, two, JOB)
            break
        except KilledError:
            killed = trial.copy()
        begun = killed.saved["web"].rollout is not None
        resume(tools(killed), ["web"])
        state = killed.load("web")
        assert is_at_rest(state), kill_at
        ran = (runs_of(killed, 1), runs_of(killed, 2))
        assert ran == ((0, 1) if begun or state.live == 2 else (0, 0)), kill_at
    assert kill_at > 10


@pytest.fixture
def machine() -> Jobs:
    """Return a machine whose job is done."""
    machine = Jobs()
    roll_out(machine, push(machine, "1"), JOB)
    machine.time += 60
    return machine
