"""A window that closes while an image is pulled for it."""

from __future__ import annotations

import pytest

from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.service import UpdatePolicy
from beacon.rollout.checking.check import Checked
from beacon.rollout.ports import Progress
from beacon.rollout.update import update
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import RENDERER, candidate, push, roll_out, running, service, tools

NOON = service(update=UpdatePolicy(window=("11:00-13:00",)))
DAY = 86_400.0


class Slow(FakeMachine):
    """A machine on which a pull takes two hours."""

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        if self.load("web").live is not None:
            self.time += DAY / 12
        return super().pull(image, progress)


@pytest.mark.parametrize("insist", [False, True])
def test_it_begins_no_rollout_unless_its_owner_says_so(*, insist: bool) -> None:
    machine = Slow()
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one, NOON)

    def found() -> OutcomeKind:
        checked = Checked(Outcome("web", OutcomeKind.AVAILABLE, release=1), candidate(machine, two, NOON))
        (outcome,) = update(tools(machine), RENDERER, [checked], machine.images, insist=insist)
        return outcome.kind

    if insist:
        assert found() is OutcomeKind.UPDATED
        return
    assert found() is OutcomeKind.DEFERRED
    assert (machine.load("web").live, running(machine)) == (1, one.config.image_id)
    machine.time = DAY
    pulls = machine.effects.count(f"pull {candidate(machine, two, NOON).pinned}")
    assert found() is OutcomeKind.UPDATED
    assert machine.effects.count(f"pull {candidate(machine, two, NOON).pinned}") == pulls == 1
