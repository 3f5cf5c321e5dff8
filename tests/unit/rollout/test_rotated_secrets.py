"""A secret that got another value: which services still have the former one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from beacon.model.service import Secret
from beacon.rollout.definitions.rotated import rotated_notices
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, service, tools

WEB = service(secrets=(Secret("tok", env="TOK"), Secret("key", env="KEY")))
STARTED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine on which a service with two secrets was started at STARTED."""
    machine = FakeMachine()
    machine.secret_names = {"tok", "key"}
    assert roll_out(machine, push(machine, "1"), WEB).kind.status == 0
    machine.units["beacon-web.service"].started = int(STARTED.timestamp() * 1_000_000)
    return machine


def logged(machine: FakeMachine) -> list[tuple[str, str | None]]:
    return [(one.text, one.fix) for one in rotated_notices(tools(machine), [service("other"), WEB])]


def test_a_value_that_came_after_the_start_is_told(machine: FakeMachine) -> None:
    second = timedelta(seconds=1)
    machine.secret_times = {"tok": STARTED + second, "key": STARTED - second}
    assert logged(machine) == [("web runs with the former value of the secret tok", "beacon restart web")]


def test_nothing_is_told_of_older_ones_and_of_what_is_down(machine: FakeMachine) -> None:
    machine.secret_times = {"tok": STARTED - timedelta(seconds=1)}
    assert logged(machine) == []
    machine.secret_times = {"tok": STARTED + timedelta(seconds=1)}
    machine.stop("beacon-web.service", 1)
    assert logged(machine) == []


def test_a_secret_that_is_gone_is_none_of_this(machine: FakeMachine) -> None:
    machine.secret_names = set()
    assert logged(machine) == []
