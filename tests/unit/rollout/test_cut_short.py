"""What befalls a rollout at its edges: full disks, removals, stops, and an index that lags behind."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import ImageReference
from beacon.model.release import Hold, ReleaseState, ServiceState
from beacon.model.rollout.record import Rollout, StepKind
from beacon.model.runtime import JobResult
from beacon.model.service import Health, Hooks
from beacon.rollout.deploy import deploy, deploy_carefully
from beacon.rollout.driving.resuming import resume
from beacon.rollout.images import remove_images
from beacon.rollout.ports import Progress
from tests.fakes.machine import FakeMachine, KilledError
from tests.fakes.stage import digest, is_at_rest, plan_rollout, push, roll_out, running, service, tools
from tests.unit.rollout.test_swap import HELD, WEB, Observed, proxied
from tests.unit.rollout.test_swap import roll_out as roll_out_swapped

UNIT = "beacon-web.service"
BACKUP = Hooks(before_update=("backup", UNIT))


def version(machine: FakeMachine) -> str | None:
    known = {digest(f"config {one}"): one for one in "123"}
    image = running(machine)
    return known.get(image) if image is not None else None


def test_a_swap_goes_on_after_a_hook_that_stops_the_service() -> None:
    machine, of = proxied(), replace(WEB, hooks=BACKUP)
    roll_out_swapped(machine, "1", of)
    assert roll_out_swapped(machine, "2", of) is OutcomeKind.UPDATED
    assert machine.units[UNIT].active == "active"


class FillsUp(FakeMachine):
    """A machine whose disk is full once the hook has run."""

    is_full = False

    def run(self, *args: object) -> str | None:
        self.is_full = True
        return super().run(*args)  # type: ignore[arg-type]

    def save_rollout(self, rollout: Rollout) -> None:
        if self.is_full:
            raise MachineError("No space left on device")
        super().save_rollout(rollout)


def test_a_disk_that_fills_up_between_two_steps_leaves_no_service_down() -> None:
    machine, of = FillsUp(), service(hooks=BACKUP)
    roll_out(machine, push(machine, "1"), of)
    outcome = roll_out(machine, push(machine, "2"), of)
    assert outcome.kind is OutcomeKind.FAILED
    assert "No space left" in outcome.detail
    assert version(machine) == "1"
    assert machine.load("web").quarantine == ()


class LacksAUnit(FakeMachine):
    """A machine on which no start gets what it requires."""

    lacks = False

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        return JobResult.DEPENDENCY if self.lacks else super().restart(unit, limit, hopeless)


def test_a_live_release_that_is_started_anew_stays_live_where_the_machine_hinders_it() -> None:
    machine = LacksAUnit()
    roll_out(machine, push(machine, "1"))
    live = machine.load("web").live_release
    assert live is not None
    machine.lacks = True
    (outcome,) = deploy(tools(machine), [replace(plan_rollout(machine, push(machine, "1")), candidate=live)])
    assert outcome.kind is OutcomeKind.FAILED
    assert machine.load("web").live_release == live
    assert live.state is ReleaseState.LIVE


class RefusesOnce(Observed):
    """A machine whose systemd refuses its first reload."""

    refused = False

    def reload(self) -> None:
        if not self.refused:
            self.refused = True
            raise MachineError("systemd did not reload")
        super().reload()


@pytest.mark.parametrize("hindrance", ["canceled", "reload"])
def test_requests_do_not_wait_for_a_rollout_that_has_ended(hindrance: str) -> None:
    kill = 0
    while True:
        machine = proxied()
        roll_out_swapped(machine, "1", HELD)
        machine.effects.clear()
        machine.kill_at = kill
        try:
            roll_out_swapped(machine, "2", HELD)
        except KilledError:
            pass
        else:
            break
        after = machine.copy()
        machine_tools = tools(after)
        if hindrance == "canceled":
            machine_tools = dataclasses.replace(machine_tools, is_canceled=lambda: True)
        else:
            after.__class__ = RefusesOnce
        resume(machine_tools, ["web"])
        assert after.load("web").rollout is not None or not after.held, kill
        kill += 1
    assert kill > 8


class Distant(FakeMachine):
    """A machine whose record and state cannot be written once a release has failed."""

    full = False

    def save_rollout(self, rollout: Rollout) -> None:
        if self.full and rollout.step is not StepKind.RESTART:
            raise MachineError("No space left on device")
        super().save_rollout(rollout)

    def save(self, state: object) -> None:
        if self.full:
            raise MachineError("No space left on device")
        super().save(state)  # type: ignore[arg-type]


def test_the_former_release_is_not_taken_for_the_candidate_after_a_way_back_without_a_word() -> None:
    of = service(health=Health(command=("true",)))
    machine = Distant()
    roll_out(machine, push(machine, "1"), of)
    planned = plan_rollout(machine, push(machine, "2", "unhealthy"), of)
    original = machine.restart

    def restart(unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        machine.full = True
        return original(unit, limit, hopeless)

    machine.restart = restart  # type: ignore[method-assign]
    deploy(tools(machine), [planned])
    assert version(machine) == "1"
    machine.full, machine.restart = False, original  # type: ignore[method-assign]
    resume(tools(machine), ["web"])
    state = machine.load("web")
    assert is_at_rest(state)
    assert (state.live, version(machine)) == (1, "1")
    assert len(state.quarantine) == 1


class Hanging(FakeMachine):
    """A machine whose pulls go on when they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.goes_on = threading.Event(), threading.Event()

    def pull(self, image: ImageReference, progress: Progress) -> object:  # type: ignore[override]
        self.began.set()
        assert self.goes_on.wait(20)
        return super().pull(image, progress)


def test_what_is_removed_while_its_first_image_is_pulled_stays_removed() -> None:
    machine, ends = Hanging(), list[Outcome]()
    image = push(machine, "1")
    planned = plan_rollout(machine, image)
    run = threading.Thread(target=lambda: ends.extend(deploy(tools(machine), [planned])))
    run.start()
    assert machine.began.wait(20)
    with machine.lock("web"):
        remove_images(tools(machine), machine.load("web"))
        machine.remove("web")
    machine.goes_on.set()
    run.join()
    assert [end.kind for end in ends] == [OutcomeKind.BUSY]
    assert running(machine) is None
    assert machine.local == {}


def test_a_pull_that_fails_costs_nobody_an_image_that_is_whole() -> None:
    machine = FakeMachine()
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    roll_out(machine, two)
    other = service("other", repository="elsewhere/web")
    planned = plan_rollout(machine, one, other)
    del machine.registry[one.digest]
    (outcome,) = deploy(tools(machine), [planned])
    assert outcome.kind is OutcomeKind.FAILED
    assert machine.partial == set()
    assert one.config.image_id in machine.images().values()


def test_one_that_is_held_meanwhile_does_not_hide_what_became_of_the_others() -> None:
    class Holding(FakeMachine):
        def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
            self.saved["b"] = replace(self.load("b"), hold=Hold("2026-11-29T12:00:00Z"))
            return super().restart(unit, limit, hopeless)

    machine = FakeMachine()
    for name in "abc":
        roll_out(machine, push(machine, "1"), service(name))
    machine.__class__ = Holding
    bad = push(machine, "2", "exits")
    rollouts = [plan_rollout(machine, bad, service(name)) for name in "abc"]
    ends = deploy_carefully(tools(machine), rollouts, lambda one: one, machine.images)
    kinds = {end.service: end.kind for end in ends}
    assert kinds == {
        "a": OutcomeKind.ROLLED_BACK,
        "b": OutcomeKind.HELD,
        "c": OutcomeKind.QUARANTINED,
    }


def test_what_its_owner_stops_after_a_kill_stays_stopped() -> None:
    kill = seen = 0
    while True:
        machine = FakeMachine()
        one, two = push(machine, "1"), push(machine, "2")
        roll_out(machine, one)
        planned = replace(plan_rollout(machine, two), runs=True)
        machine.effects.clear()
        machine.kill_at = kill
        try:
            deploy(tools(machine), [planned])
        except KilledError:
            pass
        else:
            break
        after = machine.copy()
        after.stop(UNIT, 1)
        if after.load("web").rollout is not None:
            seen += 1
            resume(tools(after), ["web"])
            assert after.units[UNIT].active == "inactive", kill
            assert is_at_rest(after.load("web"))
        kill += 1
    assert seen > 3


def test_two_that_need_each_other_do_not_wait_for_ever() -> None:
    machine = FakeMachine()
    for name in "ab":
        roll_out(machine, push(machine, f"1 {name}"), service(name))
    rollouts = [
        plan_rollout(machine, push(machine, f"2 {name}"), service(name, needs=(other,)))
        for name, other in (("a", "b"), ("b", "a"))
    ]
    ends: list[Outcome] = []
    run = threading.Thread(
        target=lambda: ends.extend(deploy(tools(machine), rollouts, patience=0.1)), daemon=True
    )
    run.start()
    run.join(10)
    assert [end.kind for end in ends] == [OutcomeKind.UPDATED] * 2


class FullBehindTheCommit(FakeMachine):
    """A machine on which nothing can be written once the end of a rollout is."""

    def save(self, state: ServiceState) -> None:
        if state.owed is not None and state.owed.begun:
            raise MachineError("cannot write the state of web: No space left on device")
        super().save(state)


@pytest.mark.parametrize(
    ("behaviour", "end"), [("good", OutcomeKind.UPDATED), ("exits", OutcomeKind.ROLLED_BACK)]
)
def test_a_hook_that_cannot_be_noted_is_left_to_the_next_run(behaviour: str, end: OutcomeKind) -> None:
    machine = FullBehindTheCommit()
    of = service(hooks=Hooks(after_update=("after",), after_rollback=("after",)))
    roll_out(machine, push(machine, "1"))
    assert roll_out(machine, push(machine, "2", behaviour), of).kind is end
    assert machine.load("web").owed is not None
    assert any("left to the next run" in line for line in machine.log)
    assert not any(line.startswith("hook") for line in machine.log)
