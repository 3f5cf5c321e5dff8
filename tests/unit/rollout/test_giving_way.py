"""One image at two registries, of which one hangs: its pull gives way to that from the other."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from beacon.model.image import Layer
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import ServiceState
from beacon.rollout.deploy import deploy, deploy_carefully
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.pulling import GaveWayError, pull
from beacon.rollout.ports import Progress
from beacon.rollout.sharing.pulls import PullGate
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import candidate, digest, plan_rollout, push, roll_out, running, service, tools

ELSEWHERE = replace(service("b"), image=ImageReference.parse("elsewhere.example/me/web:latest"))
"""It follows the same image at another registry."""


class Hanging(FakeMachine):
    """A machine one of whose registries sends nothing, for ten minutes."""

    hangs = ""
    second = ""
    """The service whose rollout begins once the other one's pull hangs."""
    began = threading.Event()

    def save(self, state: ServiceState) -> None:
        if state.name == self.second:
            assert self.began.wait(20)
        super().save(state)

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        at = self.time
        while image.registry == self.hangs:
            self.began.set()
            progress(None)
            self.sleep(1)
            threading.Event().wait(0.001)
            assert self.time - at < 600, "it is ended by the engine's own patience"
        return super().pull(image, progress)


Deploy = Callable[[FakeMachine, list[PlannedRollout]], tuple[Outcome, ...]]


def at_once(machine: FakeMachine, rollouts: list[PlannedRollout]) -> tuple[Outcome, ...]:
    return deploy(tools(machine), rollouts)


def carefully(machine: FakeMachine, rollouts: list[PlannedRollout]) -> tuple[Outcome, ...]:
    return deploy_carefully(tools(machine), rollouts, lambda one: one, machine.images)


@pytest.mark.parametrize("how", [at_once, carefully])
def test_the_healthy_registry_does_not_wait_for_the_one_that_hangs(how: Deploy) -> None:
    machine = Hanging()
    for of in (service("a"), ELSEWHERE):
        roll_out(machine, push(machine, "1"), of)
    image = push(machine, "2")
    rollouts = [plan_rollout(machine, image, of) for of in (service("a"), ELSEWHERE)]
    machine.began, machine.second, machine.hangs = threading.Event(), "b", "registry.example"
    ends = {end.service: end for end in how(machine, rollouts)}
    assert ends["b"].kind is OutcomeKind.UPDATED
    assert running(machine, "b") == image.config.image_id
    assert ends["a"].kind is OutcomeKind.DEFERRED
    assert "another registry has the same image" in ends["a"].detail
    machine.hangs = ""
    (again,) = how(machine, [plan_rollout(machine, image, service("a"))])
    assert again.kind is OutcomeKind.UPDATED


def come(machine: FakeMachine, bytes_: list[int], total: int, *, waits: bool = True) -> None:
    """Tell a pull each second how many bytes have come."""

    class Telling(FakeMachine):
        def pull(self, image: ImageReference, progress: Progress) -> Digest:
            for done in bytes_:
                progress(done)
                self.sleep(1)
                threading.Event().wait(0.002)
            return FakeMachine.pull(self, image, progress)

    machine.__class__ = Telling
    release = candidate(machine, push(machine, "1"))
    pull(tools(machine), release, [Layer(digest("layer"), total)], lambda: waits)


def test_one_that_comes_slowly_or_is_unpacked_goes_on() -> None:
    come(FakeMachine(), [second // 50 for second in range(300)], 1000)
    come(FakeMachine(), [*range(11), *([10] * 200)], 10)
    come(FakeMachine(), [0] * 200, 1000, waits=False)
    with pytest.raises(GaveWayError):
        come(FakeMachine(), [5] * 200, 1000)


def test_another_service_of_the_same_registry_would_hang_too() -> None:
    machine, gate = FakeMachine(), PullGate()
    image = push(machine, "1")
    one, other, third = (candidate(machine, image, of) for of in (service("a"), service("c"), ELSEWHERE))
    different = candidate(machine, push(machine, "2"), ELSEWHERE)
    with gate.lining_up([other, different]):
        assert not gate.holds_up_others(one)
    with gate.lining_up([third]):
        assert gate.holds_up_others(one)
    assert not gate.holds_up_others(one)
