"""beacon start, stop and restart as faces: several services at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import ExitStatus, NoSuchServiceError
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, service
from tests.fakes.terminal import call


@pytest.fixture
def fake() -> FakeMachine:
    """Return a machine that runs two services."""
    machine = FakeMachine()
    for name in ("db", "web"):
        roll_out(machine, push(machine, "1"), service(name))
    return machine


def active(machine: FakeMachine) -> list[str]:
    return [machine.units[f"beacon-{name}.service"].active for name in ("db", "web")]


def test_several_services_are_stopped_and_started(fake: FakeMachine, tmp_path: Path) -> None:
    here = StagedMachine(fake, tmp_path)
    assert call(here, "services.control", "stop db beacon-web.service").exit_code == 0
    assert active(fake) == ["inactive", "inactive"]
    assert call(here, "services.control", "start db web").exit_code == 0
    assert active(fake) == ["active", "active"]


def test_with_a_name_that_is_wrong_nothing_is_done(fake: FakeMachine, tmp_path: Path) -> None:
    done = call(StagedMachine(fake, tmp_path), "services.control", "stop db wbe")
    assert isinstance(done.exception, NoSuchServiceError)
    assert active(fake) == ["active", "active"]


def test_one_that_fails_hinders_no_other(fake: FakeMachine, tmp_path: Path) -> None:
    here = StagedMachine(fake, tmp_path)
    with fake.lock("db"):
        done = call(here, "services.control", "stop db web")
    assert done.exit_code == ExitStatus.TEMPFAIL
    assert done.stderr.endswith("error: another beacon is at work on 'db'\n")
    assert active(fake) == ["active", "inactive"]
