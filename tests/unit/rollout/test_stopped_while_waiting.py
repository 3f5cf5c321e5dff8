"""What its owner stops while a restart waits for a service that it needs stays stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.runtime import JobResult
from beacon.rollout.deploy import deploy
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import plan_rollout, push, roll_out, running, service, tools

WEB, DB, GATEWAY = "beacon-web.service", "beacon-db.service", "gateway.service"


class Slow(FakeMachine):
    """A machine on which somebody stops a unit while web waits for db, which it needs."""

    stops = ""

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        if unit == DB and self.stops:
            for _ in range(2000):
                if "web: restart" in self.steps:
                    break
                threading.Event().wait(0.005)
            self.stop(self.stops, 1)
        return super().restart(unit, limit, hopeless)


@pytest.fixture
def machine() -> Slow:
    """Return one on which a gateway depends on web, and web on db."""
    machine = Slow()
    roll_out(machine, push(machine, "1 db"), service("db"))
    roll_out(machine, push(machine, "1"), service(needs=("db",)))
    machine.requires[WEB] = (GATEWAY,)
    machine.start(GATEWAY, 1)
    machine.steps.clear()
    return machine


def update_while_stopped(machine: Slow, unit: str) -> dict[str, Outcome]:
    machine.stops = unit
    rollouts = [
        plan_rollout(machine, push(machine, "2 db"), service("db")),
        plan_rollout(machine, push(machine, "2"), service(needs=("db",))),
    ]
    return {end.service: end for end in deploy(tools(machine), rollouts)}


def test_a_unit_that_depends_on_the_service(machine: Slow) -> None:
    ends = update_while_stopped(machine, GATEWAY)
    assert ends["web"].kind is OutcomeKind.UPDATED
    assert machine.units[GATEWAY].active == "inactive"


def test_the_service_itself(machine: Slow) -> None:
    before = machine.files["beacon-web.container"]
    ends = update_while_stopped(machine, WEB)
    assert ends["web"].kind is OutcomeKind.STOPPED
    assert (ends["db"].kind, running(machine)) == (OutcomeKind.UPDATED, None)
    assert machine.files["beacon-web.container"] == before
    assert machine.load("web").rollout is None


def test_otherwise_all_are_up(machine: Slow) -> None:
    ends = update_while_stopped(machine, "")
    assert {end.kind for end in ends.values()} == {OutcomeKind.UPDATED}
    assert machine.units[GATEWAY].active == "active"
