"""What is started again only where it fails, and ends with status 0 in the health gate."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.model.outcome import OutcomeKind
from beacon.model.release import ReleaseState
from beacon.model.runtime import UnitState
from beacon.model.service import Endpoint, Health, Restart, RestartPolicy, Service
from beacon.rollout.decisions.down import ends_well
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, running, service

UNIT = "beacon-web.service"
ON_FAILURE = service(restart=Restart(RestartPolicy.ON_FAILURE))


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine without services."""
    return FakeMachine()


def test_a_first_release_is_healthy_then(machine: FakeMachine) -> None:
    assert roll_out(machine, push(machine, "1", "ends"), ON_FAILURE).kind is OutcomeKind.INSTALLED
    live = machine.load("web").live_release
    assert live is not None
    assert live.state is ReleaseState.LIVE
    assert machine.units[UNIT].active == "inactive"


@pytest.mark.parametrize(
    "of",
    [
        replace(ON_FAILURE, health=Health(tcp=8080)),
        replace(ON_FAILURE, endpoints=(Endpoint("example.org", 8080),)),
        service(),
    ],
    ids=["a probe", "an endpoint", "always"],
)
def test_where_something_has_to_pass_first_it_is_not(machine: FakeMachine, of: Service) -> None:
    assert roll_out(machine, push(machine, "1", "ends"), of).kind is OutcomeKind.FAILED


def test_a_failure_is_one(machine: FakeMachine) -> None:
    assert roll_out(machine, push(machine, "1", "exits"), ON_FAILURE).kind is OutcomeKind.FAILED


def test_what_is_up_is_not_taken_down_by_an_image_that_ends(machine: FakeMachine) -> None:
    one = push(machine, "1")
    roll_out(machine, one, ON_FAILURE)
    assert roll_out(machine, push(machine, "2", "ends"), ON_FAILURE).kind is OutcomeKind.ROLLED_BACK
    assert running(machine) == one.config.image_id


def test_what_failed_before_may_end_well(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1", "exits"), ON_FAILURE)
    assert roll_out(machine, push(machine, "2", "ends"), ON_FAILURE).kind is OutcomeKind.UPDATED


def test_the_status_of_a_stop_by_a_signal_is_no_good_end() -> None:
    ended = UnitState(UNIT, load="loaded", active="inactive", started=1)
    assert ends_well(ON_FAILURE, ended)
    assert not ends_well(ON_FAILURE, replace(ended, exit_status=143))
    assert ends_well(service(restart=Restart(RestartPolicy.NO)), replace(ended, exit_status=143))
