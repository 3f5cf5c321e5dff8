"""What is down though nobody stopped it is started again: once a run, and only what stood before."""

from __future__ import annotations

from dataclasses import replace as replaced

import pytest
from msgspec.structs import replace

from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import ReleaseState
from beacon.model.rollout.halt import Halt
from beacon.model.runtime import LastJob, UnitState
from beacon.model.sensitive import SecretVersion
from beacon.model.service import Restart, RestartPolicy, Service
from beacon.rollout.decisions.down import Down, why_down
from beacon.rollout.following.revive import bring_back, revive, supply
from tests.fakes.machine import FakeMachine
from tests.fakes.secrets import FakeSecrets
from tests.fakes.stage import push, roll_out, service, tools

UNIT = "beacon-web.service"
FAILED = UnitState(UNIT, load="loaded", active="failed", sub="failed", result="exit-code", restarts=5)
DOWN = replace(FAILED, active="inactive", sub="dead", result="success")
ENDED = replace(DOWN, started=1)
STOP, START = LastJob("stop", "done"), LastJob("start", "failed")
LACKED = LastJob("start", "dependency")


@pytest.mark.parametrize(
    ("unit", "last", "along", "why"),
    [
        pytest.param(FAILED, START, False, Down.LIMIT, id="at its start limit"),
        pytest.param(FAILED, None, False, Down.LIMIT, id="without a journal"),
        pytest.param(FAILED, STOP, False, Down.OWNER, id="a stop that failed"),
        pytest.param(FAILED, LACKED, False, Down.DEPENDENCY, id="failed, then without what it requires"),
        pytest.param(DOWN, LACKED, False, Down.DEPENDENCY, id="never up in this boot"),
        pytest.param(DOWN, None, False, Down.NEVER, id="installed, and not started"),
        pytest.param(ENDED, STOP, False, Down.OWNER, id="stopped"),
        pytest.param(ENDED, STOP, True, Down.ALONG, id="stopped along"),
        pytest.param(ENDED, None, False, Down.OWNER, id="stopped, without a journal"),
        pytest.param(ENDED, LACKED, False, Down.DEPENDENCY, id="restarted along, which failed"),
    ],
)
def test_why_a_unit_is_down(unit: UnitState, last: LastJob | None, along: bool, why: Down) -> None:  # noqa: FBT001
    assert why_down(service(), unit, last, along=along) is why


def test_what_is_not_to_be_started_again_has_ended() -> None:
    once = service(restart=Restart(RestartPolicy.NO))
    assert why_down(once, FAILED, START, along=False) is Down.CRASH
    assert why_down(once, ENDED, LastJob("start", "done"), along=False) is Down.ENDED
    assert why_down(once, DOWN, LACKED, along=False) is Down.DEPENDENCY


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
    return {outcome.service: outcome for outcome in revive(tools(machine), names or ("web",))}


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
    assert outcome.detail.endswith("fails again: it exited with status 1: Error: out of coffee")
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
    assert (outcome.kind, "was never healthy" in outcome.detail) == (OutcomeKind.HELD, True)
    assert machine.effects == []


def test_one_that_another_process_is_at_is_left_to_it() -> None:
    machine = deployed()
    give_up(machine)
    with machine.lock("web"):
        assert revived(machine) == {}


@pytest.mark.parametrize("at", ["pull", "watch"])
def test_an_owner_who_stops_it_meanwhile_does_not_wait_for_it(at: str) -> None:
    machine = deployed()
    give_up(machine)
    if at == "pull":
        machine.local.clear()
    machine.effects.clear()
    machine.halts = lambda: Halt.STOP if at == "pull" or f"restart {UNIT}" in machine.effects else None
    began = machine.time
    outcome = revived(machine)["web"]
    assert (outcome.kind, "canceled" in outcome.detail) == (OutcomeKind.DEFERRED, True)
    assert machine.time - began < 1
    assert (f"restart {UNIT}" in machine.effects) == (at == "watch")


def test_what_went_down_along_with_another_comes_back_with_it() -> None:
    machine = deployed(service("vpn"), service("web"))
    machine.requires = {"beacon-vpn.service": (UNIT,)}
    machine.sleep(60)
    machine.stop("beacon-vpn.service", 1)
    waiting = revived(machine, "web")["web"]
    assert (waiting.kind, "once that is up" in waiting.detail) == (OutcomeKind.STOPPED, True)
    machine.sleep(60)
    machine.start("beacon-vpn.service", 1)
    outcome = revived(machine)["web"]
    assert (outcome.kind, outcome.detail) == (
        OutcomeKind.STARTED,
        "stopped along with a unit that it requires",
    )
    assert machine.units[UNIT].active == "active"


def test_a_start_brings_back_who_shares_the_network() -> None:
    machine = deployed(service("vpn"), service("web", networks=("service:vpn",)), service("api"))
    machine.requires = {"beacon-vpn.service": (UNIT, "beacon-api.service")}
    machine.stop("beacon-vpn.service", 1)
    machine.start("beacon-vpn.service", 1)
    assert [one.service for one in bring_back(tools(machine), "vpn")] == ["web"]
    assert machine.units[UNIT].active == "active"


def test_what_its_owner_stopped_before_the_other_stays_so() -> None:
    machine = deployed(service("vpn"), service("web"))
    machine.requires = {"beacon-vpn.service": (UNIT,)}
    machine.stop(UNIT, 1)
    machine.sleep(60)
    machine.stop("beacon-vpn.service", 1)
    machine.start("beacon-vpn.service", 1)
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


def test_what_fails_again_and_again_gets_back_what_it_starts_from() -> None:
    machine, secrets = FakeMachine(), FakeSecrets()
    one = push(machine, "1")
    roll_out(machine, one)
    live = machine.load("web").live_release
    assert live is not None
    version = SecretVersion("tok", 1)
    machine.saved["web"] = machine.load("web").with_release(replace(live, secrets={"tok": 1}))
    machine.local.clear()
    supply(replaced(tools(machine), secrets=secrets), ["web", "nobody"])
    assert str(live.pinned) in machine.local
    assert secrets.provided == {version}
    secrets.provided.clear()
    with machine.lock("web"):
        supply(replaced(tools(machine), secrets=secrets), ["web"])
    assert secrets.provided == set(), "another process is at work on it"
