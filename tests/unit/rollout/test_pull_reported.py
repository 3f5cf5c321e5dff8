"""Who watches a pull hears how far it has come, and of how much."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from beacon.errors import MachineError
from beacon.model.image import Layer
from beacon.model.reference import Digest, ImageReference
from beacon.rollout.driving.pulling import pull
from beacon.rollout.ports import Progress
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import candidate, digest, push, roll_out, service, tools


class Pulling(FakeMachine):
    """A machine that says how far a pull has come, a second after the other."""

    steps_of_pull: Sequence[int | None] = ()
    left: int | None = 100

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        for done in self.steps_of_pull:
            progress(done)
            self.sleep(1)
            time.sleep(0.05)  # what is asked beside is asked in a thread
        return super().pull(image, progress)

    def missing(self, layers: Sequence[Layer]) -> int:
        assert layers
        if self.left is None:
            raise MachineError("podman images did not end within 60 s")
        return self.left


def reported(machine: Pulling, *steps: int | None, layers: int = 1) -> list[tuple[int | None, int | None]]:
    machine.steps_of_pull = steps
    release = candidate(machine, push(machine, "1"))
    pull(tools(machine), release, [Layer(digest("layer"), 1000)] * layers)
    return machine.tallies[: len(steps)]


def test_the_total_is_what_the_engine_lacks_and_is_not_asked_of_a_pull_that_ends_soon() -> None:
    first, _, *others = reported(Pulling(), None, 10, 20, 100)
    assert first == (None, None)
    assert others == [(20, 100), (100, 100)]


def test_an_image_of_unknown_layers_has_no_total() -> None:
    assert reported(Pulling(), 10, 20, 30, layers=0) == [(10, None), (20, None), (30, None)]


def test_an_engine_that_does_not_say_what_it_has_hinders_no_pull() -> None:
    machine = Pulling()
    machine.left = None
    assert reported(machine, 10, 20, 30) == [(10, None), (20, None), (30, None)]


@pytest.mark.parametrize(("done", "said"), [(101, (100, 100)), (150, (150, None))])
def test_more_than_all_is_the_configuration_too_or_no_total(done: int, said: tuple[int, int | None]) -> None:
    assert reported(Pulling(), 10, 20, done)[-1] == said


def test_what_is_waited_for_is_told_and_for_how_long() -> None:
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"), service())
    settling = [(seconds, limit) for _, what, seconds, limit in machine.waits if what == "watching it settle"]
    assert settling[0] == (0.0, 10.0)
    assert settling[-1][0] == pytest.approx(10.0, abs=0.5)
