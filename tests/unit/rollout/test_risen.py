"""A first release that failed, and is healthy by now, is live like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.model.event import EventKind
from beacon.model.outcome import OutcomeKind
from beacon.model.release import ReleaseState
from beacon.model.service import Health
from beacon.operations.update import UpdateRequest, update
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import Behaviour, FakeMachine
from tests.fakes.stage import push, roll_out, running, service

UNIT = "beacon-web.service"


@pytest.fixture
def fake() -> FakeMachine:
    """Return a machine on which the first release of web failed, and was started again by hand."""
    made = FakeMachine()
    image = push(made, "1", "exits")
    assert roll_out(made, image).kind is OutcomeKind.FAILED
    made.registry[image.digest].behaviour = "good"
    made.restart(UNIT, 90)
    return made


def run(fake: FakeMachine, folder: Path, version: str = "1", first: Behaviour = "good") -> None:
    staged = StagedMachine(fake, folder, push(fake, version, "exits" if version != "1" else first))
    staged.paths.definitions.mkdir(parents=True, exist_ok=True)
    update(staged, UpdateRequest(), Recorder())


def test_it_is_live_after_a_minute(fake: FakeMachine, tmp_path: Path) -> None:
    run(fake, tmp_path)
    assert fake.load("web").live_release is not None
    assert fake.load("web").release(1).state is ReleaseState.FAILED  # type: ignore[union-attr]
    fake.time += 61
    run(fake, tmp_path)
    risen = fake.load("web").release(1)
    assert risen is not None
    assert (risen.state, risen.reason) == (ReleaseState.LIVE, "")
    assert fake.events[-1].kind is EventKind.RELEASE_LIVE


def test_an_update_that_fails_goes_back_to_it(fake: FakeMachine, tmp_path: Path) -> None:
    fake.time += 61
    run(fake, tmp_path)
    before = running(fake)
    run(fake, tmp_path, "2")
    assert running(fake) == before
    assert EventKind.ROLLED_BACK in {event.kind for event in fake.events}


def test_one_that_came_up_at_last_by_itself_is_live_too(fake: FakeMachine, tmp_path: Path) -> None:
    fake.units[UNIT].restarts = 3  # systemd counts them until the unit is stopped
    fake.time += 601
    run(fake, tmp_path)
    assert fake.load("web").release(1).state is ReleaseState.LIVE  # type: ignore[union-attr]


@pytest.mark.parametrize("broken", ["restarts", "down"])
def test_one_that_restarts_or_is_down_is_not(fake: FakeMachine, tmp_path: Path, broken: str) -> None:
    fake.time += 61
    if broken == "restarts":
        fake.units[UNIT].restarts = 3
    else:
        fake.stop(UNIT, 90)
    run(fake, tmp_path)
    assert fake.load("web").release(1).state is ReleaseState.FAILED  # type: ignore[union-attr]


def test_a_run_does_not_wait_for_a_check_that_fails(tmp_path: Path) -> None:
    fake = FakeMachine()
    checked = service(health=Health(tcp=80, interval=60.0, retries=9))
    assert roll_out(fake, push(fake, "1", "unhealthy"), checked).kind is OutcomeKind.FAILED
    fake.time += 61
    before = fake.time
    run(fake, tmp_path, first="unhealthy")
    assert fake.time - before < 30
    assert fake.load("web").release(1).state is ReleaseState.FAILED  # type: ignore[union-attr]
