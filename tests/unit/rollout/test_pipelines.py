"""Rollouts side by side: each in a pipeline of its own, and nobody waits for whom he does not need."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from beacon.errors import CanceledError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.runtime import JobResult
from beacon.model.service import Service
from beacon.rollout.deploy import deploy, deploy_carefully
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.ports import Progress
from beacon.rollout.sharing.pulls import PullGate
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import candidate, plan_rollout, push, roll_out, running, service, tools

PATIENCE = 20.0


class Hanging(FakeMachine):
    """A machine whose pulls of one image hang until they are let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.hanging: Digest | None = None
        self.began = threading.Event()
        self.goes_on = threading.Event()
        self.restarted: list[str] = []

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        if image.digest == self.hanging:
            self.began.set()
            assert self.goes_on.wait(PATIENCE)
        return super().pull(image, progress)

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        self.restarted.append(unit)
        return super().restart(unit, limit, hopeless)


@pytest.fixture
def machine() -> Hanging:
    """Return a machine on which three services run an image of their own."""
    machine = Hanging()
    for name in "abc":
        roll_out(machine, push(machine, f"1 {name}"), service(name))
    machine.restarted.clear()
    return machine


def in_thread(action: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def carefully(machine: FakeMachine, rollouts: list[PlannedRollout]) -> dict[str, Outcome]:
    ends = deploy_carefully(tools(machine), rollouts, lambda one: one, machine.images)
    return {end.service: end for end in ends}


def test_a_pull_that_hangs_holds_up_nobody_else(machine: Hanging) -> None:
    images = {name: push(machine, f"2 {name}") for name in "abc"}
    machine.hanging = images["b"].digest
    rollouts = [plan_rollout(machine, image, service(name)) for name, image in images.items()]
    others = threading.Event()

    def go_on() -> None:
        assert machine.began.wait(PATIENCE)
        for _ in range(400):
            if all(running(machine, name) == images[name].config.image_id for name in "ac"):
                others.set()
                break
            threading.Event().wait(0.01)
        machine.goes_on.set()

    watcher = in_thread(go_on)
    ends = deploy(tools(machine), rollouts)
    watcher.join()
    assert others.is_set()
    assert {end.kind for end in ends} == {OutcomeKind.UPDATED}


def test_nobody_waits_for_a_pull_to_change_its_service(machine: Hanging) -> None:
    image = push(machine, "2")
    machine.hanging = image.digest
    ends: list[Outcome] = []
    run = in_thread(
        lambda: ends.extend(deploy(tools(machine), [plan_rollout(machine, image, service("a"), runs=True)]))
    )
    assert machine.began.wait(PATIENCE)
    with machine.lock("a"):
        machine.stop("beacon-a.service", 1)
    machine.goes_on.set()
    run.join()
    assert [end.kind for end in ends] == [OutcomeKind.STOPPED]
    assert machine.load("a").rollout is None
    assert machine.load("a").live == 1


def test_what_was_pulled_for_a_rollout_that_did_not_come_about_is_kept(machine: Hanging) -> None:
    image = push(machine, "2")
    of = service("a")
    planned = plan_rollout(machine, image, of, runs=True)
    machine.stop("beacon-a.service", 1)
    deploy(tools(machine), [planned])
    assert image.config.image_id in machine.images().values()
    machine.start("beacon-a.service", 1)
    machine.effects.clear()
    assert roll_out(machine, image, of).kind is OutcomeKind.UPDATED
    assert not [one for one in machine.effects if one.startswith("pull ")]


def test_of_images_that_were_pulled_in_vain_the_last_one_stays(machine: Hanging) -> None:
    two, three, of = push(machine, "2"), push(machine, "3"), service("a")
    rollouts = [plan_rollout(machine, image, of, runs=True) for image in (two, three)]
    machine.stop("beacon-a.service", 1)
    for planned in rollouts:
        deploy(tools(machine), [planned])
    assert two.config.image_id not in machine.images().values()
    assert three.config.image_id in machine.images().values()


def test_a_service_is_restarted_after_what_it_needs(machine: Hanging) -> None:
    images = {name: push(machine, f"2 {name}") for name in "abc"}
    needs = {"a": ("b",), "b": ("c",), "c": ()}
    rollouts = [plan_rollout(machine, images[name], service(name, needs=needs[name])) for name in "abc"]
    deploy(tools(machine), rollouts)
    order = [unit for unit in machine.restarted if unit.startswith("beacon-")]
    assert order.index("beacon-c.service") < order.index("beacon-b.service") < order.index("beacon-a.service")


def test_a_service_does_not_wait_long_for_the_pull_of_what_it_needs(machine: Hanging) -> None:
    images = {name: push(machine, f"2 {name}") for name in "ab"}
    machine.hanging = images["b"].digest
    rollouts = [
        plan_rollout(machine, images["a"], service("a", needs=("b",))),
        plan_rollout(machine, images["b"], service("b")),
    ]

    def go_on() -> None:
        for _ in range(400):
            if running(machine, "a") == images["a"].config.image_id:
                break
            threading.Event().wait(0.01)
        machine.goes_on.set()

    watcher = in_thread(go_on)
    deploy(tools(machine), rollouts, patience=0.1)
    watcher.join()
    assert machine.restarted == ["beacon-a.service", "beacon-b.service"]


@pytest.mark.parametrize("new", [service("new", needs=("base",)), service("new", networks=("service:base",))])
def test_a_new_service_waits_for_one_that_it_needs_and_that_is_not_there_yet(
    machine: Hanging, new: Service
) -> None:
    image = push(machine, "2")
    machine.hanging = image.digest
    run = in_thread(
        lambda: deploy(
            tools(machine),
            [
                plan_rollout(machine, push(machine, "3"), new),
                plan_rollout(machine, image, service("base")),
            ],
        )
    )
    assert machine.began.wait(PATIENCE)
    threading.Event().wait(0.1)
    assert machine.restarted == []
    machine.goes_on.set()
    run.join()
    assert machine.restarted == ["beacon-base.service", "beacon-new.service"]


def test_an_image_that_is_healthy_in_one_service_needs_no_canary(machine: Hanging) -> None:
    image = push(machine, "2")
    roll_out(machine, image, service("c"))
    together = threading.Barrier(2)

    class Meeting(Hanging):
        def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
            together.wait(PATIENCE)  # breaks, and fails the test, if one comes after the other
            return super().restart(unit, limit, hopeless)

    machine.__class__ = Meeting
    ends = carefully(machine, [plan_rollout(machine, image, service(name)) for name in "ab"])
    assert {end.kind for end in ends.values()} == {OutcomeKind.UPDATED}


def test_one_registry_that_hangs_leaves_room_for_another() -> None:
    gate, machine = PullGate(), FakeMachine()
    hung = [candidate(machine, push(machine, f"{one}"), service(f"h{one}")) for one in range(4)]
    other = service("other")
    other = type(other)("other", ImageReference.parse("elsewhere.example/me/other:latest"))
    free = candidate(machine, push(machine, "other"), other)
    goes_on, inside = threading.Event(), threading.Semaphore(0)

    def pull(index: int) -> None:
        with gate.of_registry(hung[index], lambda: None):
            inside.release()
            goes_on.wait(PATIENCE)

    threads = [in_thread(lambda index=index: pull(index)) for index in range(4)]  # type: ignore[misc]
    assert inside.acquire(timeout=PATIENCE)
    assert inside.acquire(timeout=PATIENCE)
    with gate.of_registry(free, lambda: None):
        passed = True
    goes_on.set()
    for thread in threads:
        thread.join()
    assert passed


def test_who_waits_for_a_turn_can_give_up() -> None:
    gate, machine = PullGate(), FakeMachine()
    release = candidate(machine, push(machine, "1"))

    def canceled() -> None:
        raise CanceledError("it was canceled")

    with gate.of_image(release, lambda: None), pytest.raises(CanceledError), gate.of_image(release, canceled):
        pass


def test_a_lock_that_is_held_when_the_image_is_there_leaves_the_service_alone(machine: Hanging) -> None:
    image = push(machine, "2")
    machine.hanging = image.digest
    ends: list[Outcome] = []
    run = in_thread(lambda: ends.extend(deploy(tools(machine), [plan_rollout(machine, image, service("a"))])))
    assert machine.began.wait(PATIENCE)
    with machine.lock("a"):
        machine.goes_on.set()
        run.join()
    assert [end.kind for end in ends] == [OutcomeKind.BUSY]
