"""A registry whose limit of pulls is spent is not asked again by the next run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from beacon.errors import LimitError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.registry.limits import Limits
from beacon.rollout.deploy import deploy
from beacon.rollout.ports import Progress
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import plan_rollout, push, roll_out, tools


class Spent(FakeMachine):
    """A machine whose registry gives no image for now."""

    asked = 0
    said: float | None = None

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        progress(None)
        self.asked += 1
        raise LimitError(
            f"cannot pull {image}: the registry's limit of pulls is spent", retry_after=self.said
        )


class Remembered(dict[str, float]):
    """What registries have asked for, at an instant."""

    def left(self, registry: str) -> float:
        return self.get(registry, 0.0)

    def note(self, registry: str, seconds: float) -> None:
        self[registry] = seconds


def update(machine: FakeMachine, limits: Limits) -> Outcome:
    (outcome,) = deploy(replace(tools(machine), limits=limits), [plan_rollout(machine, push(machine, "2"))])
    return outcome


@pytest.mark.parametrize(("said", "words"), [(None, "in about 60 min"), (7200.0, "in about 2 h")])
def test_a_spent_limit_is_remembered(said: float | None, words: str) -> None:
    machine, limits = Spent(), Remembered()
    machine.said = said
    for _ in range(2):
        outcome = update(machine, limits)
        assert outcome.kind is OutcomeKind.DEFERRED
        assert outcome.hint is not None
        assert words in outcome.hint
    assert machine.asked == 1
    limits.clear()
    update(machine, limits)
    assert machine.asked == 2


def test_who_has_asked_for_nothing_is_asked() -> None:
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"))
    assert update(machine, Remembered({"other.example": 60.0})).kind is OutcomeKind.UPDATED
