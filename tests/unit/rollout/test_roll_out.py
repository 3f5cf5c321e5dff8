"""Updates on the machine in memory: what a check has found is rolled out, or left alone with a reason."""

from __future__ import annotations

import pytest

from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.service import Volume
from beacon.rollout.checking.check import Checked
from beacon.rollout.update import update
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import RENDERER, candidate, is_at_rest, push, roll_out, running, service, tools

WEB = service(volumes=(Volume("/data", name="data"),), networks=("backend",))
MAIN, VOLUME, NETWORK = "beacon-web.container", "beacon-web-data.volume", "beacon-backend.network"


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine on which release 1 is live."""
    made = FakeMachine()
    roll_out(made, push(made, "1"), WEB)
    return made


def updated(machine: FakeMachine) -> Outcome:
    """Return what comes of a push of a second version."""
    found = candidate(machine, push(machine, "2"), WEB)
    available = Outcome("web", OutcomeKind.AVAILABLE, "there is a new one", release=1)
    (outcome,) = update(tools(machine), RENDERER, [Checked(available, found)], machine.images)
    return outcome


def test_what_was_found_is_rolled_out_with_its_files(machine: FakeMachine) -> None:
    outcome = updated(machine)
    assert (outcome.kind, outcome.release) == (OutcomeKind.UPDATED, 2)
    assert running(machine) == push(machine, "2").config.image_id
    assert "io.beacon.release=2" in machine.files[MAIN]


def test_the_image_is_pulled_before_anything_is_stopped(machine: FakeMachine) -> None:
    machine.effects.clear()
    updated(machine)
    pulled = next(index for index, one in enumerate(machine.effects) if one.startswith("pull "))
    assert all(one.startswith(("save web idle", "mark ")) for one in machine.effects[:pulled])
    assert any(one.startswith("restart ") for one in machine.effects[pulled:])


@pytest.mark.parametrize("name", [MAIN, VOLUME, NETWORK])
def test_what_was_edited_by_hand_is_left_alone(machine: FakeMachine, name: str) -> None:
    machine.files[name] += "# mine\n"
    before = dict(machine.files)
    outcome = updated(machine)
    assert (outcome.kind, outcome.detail) == (OutcomeKind.HELD, f"{name} was edited by hand")
    assert "beacon apply --overwrite web" in (outcome.hint or "")
    assert machine.files == before
    assert running(machine) == push(machine, "1").config.image_id
    assert is_at_rest(machine.load("web"))


@pytest.mark.parametrize("name", [MAIN, VOLUME, NETWORK])
def test_nothing_is_pulled_for_a_service_that_was_edited_by_hand(machine: FakeMachine, name: str) -> None:
    machine.files[name] += "# mine\n"
    machine.effects.clear()
    updated(machine)
    assert machine.effects == []
