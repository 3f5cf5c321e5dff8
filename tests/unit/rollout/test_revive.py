"""What is down though nobody stopped it is started again: once a run, and only what stood before."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import ReleaseState
from beacon.model.runtime import LastJob, UnitState
from beacon.model.service import Restart, RestartPolicy, Service
from beacon.rollout.decide import Down, why_down
from beacon.rollout.revive import revive
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, service, world

UNIT = "beacon-web.service"
FAILED = UnitState(UNIT, load="loaded", active="failed", sub="failed", result="exit-code", restarts=5)
DOWN = replace(FAILED, active="inactive", sub="dead", result="success")
STOP, START = LastJob("stop", "done"), LastJob("start", "failed")
LACKED = LastJob("start", "dependency")


@pytest.mark.parametrize(
    ("unit", "last", "why"),
    [
        pytest.param(FAILED, START, Down.GAVE_UP, id="at its start limit"),
        pytest.param(FAILED, None, Down.GAVE_UP, id="without a journal"),
        pytest.param(FAILED, STOP, Down.STOPPED, id="a stop that failed"),
        pytest.param(FAILED, LACKED, Down.DEPENDENCY, id="failed, then without what it requires"),
        pytest.param(DOWN, LACKED, Down.DEPENDENCY, id="never up in this boot"),
        pytest.param(DOWN, None, Down.STOPPED, id="installed, and not started"),
        pytest.param(DOWN, STOP, Down.STOPPED, id="stopped"),
        pytest.param(replace(DOWN, started=1), LACKED, Down.STOPPED, id="up before"),
    ],
)
def test_why_a_unit_is_down(unit: UnitState, last: LastJob | None, why: Down) -> None:
    assert why_down(service(), unit, last) is why


def test_what_is_not_to_be_started_again_has_ended() -> None:
    once = service(restart=Restart(RestartPolicy.NO))
    assert why_down(once, FAILED, START) is Down.ENDED
    assert why_down(once, DOWN, LACKED) is Down.DEPENDENCY


def deployed(*services: Service) -> FakeMachine:
    """Return a machine on which the services run."""
    machine = FakeMachine()
    for one in services or (service(),):
        assert roll_out(machine, push(machine, one.name), one).kind is OutcomeKind.INSTALLED
    machine.events.clear()
    return machine


def give_up(machine: FakeMachine, name: str = "web") -> None:
    """Have a service fail until systemd gives up."""
    unit = machine.units[f"beacon-{name}.service"]
    machine._fail(unit, "exit-code")  # noqa: SLF001  # the hand that arranges things
    unit.last_job = START


def lack(machine: FakeMachine, name: str = "web") -> None:
    """Have the start of a service fail at boot, for lack of another unit."""
    unit = machine.units[f"beacon-{name}.service"]
    unit.active, unit.sub, unit.started, unit.running, unit.last_job = "inactive", "dead", 0, None, LACKED


def revived(machine: FakeMachine, *names: str) -> dict[str, Outcome]:
    """Start again what is down, and return what is said of each service."""
    return {outcome.service: outcome for outcome in revive(world(machine), names or ("web",))}


def test_one_that_gave_up_is_started_again() -> None:
    machine = deployed()
    give_up(machine)
    outcome = revived(machine)["web"]
    assert (outcome.kind, outcome.release) == (OutcomeKind.STARTED, 1)
    assert "start limit" in outcome.detail
    assert machine.units[UNIT].active == "active"
    assert [event.kind.word for event in machine.events] == ["started-again"]
    assert revived(machine) == {}


def test_one_that_fails_again_is_told_of_and_tried_once() -> None:
    machine = deployed()
    give_up(machine)
    for image in machine.registry.values():
        image.behaviour = "exits"
    machine.effects.clear()
    outcome = revived(machine)["web"]
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.detail.endswith("fails again: it failed (exit-code): Error: out of coffee")
    assert machine.effects.count(f"restart {UNIT}") == 1
    assert machine.events == []


@pytest.mark.parametrize("last", [STOP, None])
def test_one_that_its_owner_stopped_is_left_alone(last: LastJob | None) -> None:
    machine = deployed()
    machine.stop(UNIT, 1)
    machine.units[UNIT].last_job = last
    machine.effects.clear()
    assert revived(machine) == {}
    assert machine.effects == []


def test_one_that_never_stood_is_told_of_and_left_alone() -> None:
    machine = FakeMachine()
    assert roll_out(machine, push(machine, "1", "exits")).kind is OutcomeKind.FAILED
    assert machine.saved["web"].live_release is not None
    assert machine.saved["web"].live_release.state is ReleaseState.FAILED
    give_up(machine)
    machine.effects.clear()
    outcome = revived(machine)["web"]
    assert (outcome.kind, "never stood" in outcome.detail) == (OutcomeKind.HELD, True)
    assert machine.effects == []


def test_one_that_another_process_is_at_is_left_to_it() -> None:
    machine = deployed()
    give_up(machine)
    with machine.lock("web"):
        assert revived(machine) == {}


def test_what_a_service_lacked_is_up_first() -> None:
    machine = deployed(service("db"), service("web"))
    machine.requires = {"beacon-db.service": (UNIT,)}
    give_up(machine, "db")
    lack(machine)
    machine.effects.clear()
    ends = revived(machine, "web", "db")
    assert {name: one.kind for name, one in ends.items()} == dict.fromkeys(("web", "db"), OutcomeKind.STARTED)
    assert [one for one in machine.effects if one.startswith("restart")] == [
        "restart beacon-db.service",
        f"restart {UNIT}",
    ]


def test_what_its_owner_stopped_is_not_started_by_who_needs_it() -> None:
    machine = deployed(service("db"), service("web", needs=("db",)))
    machine.stop("beacon-db.service", 1)
    give_up(machine)
    machine.effects.clear()
    outcome = revived(machine, "web", "db")["web"]
    assert (outcome.kind, "as beacon-db.service is" in outcome.detail) == (OutcomeKind.DEFERRED, True)
    assert machine.effects == []
