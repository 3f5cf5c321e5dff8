"""Plans of what definitions ask for, and their execution, on the machine in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from msgspec.structs import replace

from beacon.model.image import ResolvedImage, Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import ImageReference
from beacon.model.service import Service, Volume
from beacon.registry.results import CheckResult, Resolution
from beacon.rollout.apply import execute
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.proposing.proposal import Proposal, ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import PLATFORM, RENDERER, push, running, service, tools


class TagsOf:
    """A registry of images by their tags."""

    def __init__(self, **images: ResolvedImage) -> None:
        self._images = images

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        """Nothing that applies asks this."""
        raise NotImplementedError(tuple(references))

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        """Return the images of the tags."""
        return {wish: self._images[wish.reference.tag or ""] for wish in wishes}

    def tags(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, tuple[str, ...]]:
        """Return all tags."""
        return {reference: tuple(self._images) for reference in references}


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine without services."""
    return FakeMachine()


def web(tag: str, **keys: object) -> Service:
    return replace(service(), image=ImageReference.parse(f"registry.example/me/web:{tag}"), **keys)


def propose(machine: FakeMachine, registry: TagsOf, of: Service, *, overwrite: bool = False) -> Proposal:
    definitions = {of.name: DefinedService(of, str(of))}
    proposer = Proposer(tools(machine), registry, RENDERER, PLATFORM)
    return proposer.propose(ProposalRequest(definitions=definitions, overwrite=overwrite), machine.files)


def apply(machine: FakeMachine, registry: TagsOf, of: Service, *, overwrite: bool = False) -> Outcome:
    (outcome,) = execute(tools(machine), propose(machine, registry, of, overwrite=overwrite))
    return outcome


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(web("two"), id="another image"),
        pytest.param(web("one", volumes=(Volume("/data", name="data"),)), id="another volume"),
        pytest.param(web("one", env={"A": "1"}), id="another variable"),
    ],
)
def test_a_service_whose_unit_was_edited_by_hand_stays_at_its_release(
    machine: FakeMachine, changed: Service
) -> None:
    images = {"one": push(machine, "1"), "two": push(machine, "2")}
    registry = TagsOf(**images)
    assert apply(machine, registry, web("one")).kind is OutcomeKind.INSTALLED
    machine.files["beacon-web.container"] += "# by hand\n"
    before = (dict(machine.files), machine.load("web"), dict(machine.local))
    proposal = propose(machine, registry, changed)
    assert not proposal.plan.steps
    assert "changed by hand" in proposal.plan.kept[0].sentence
    (outcome,) = execute(tools(machine), proposal)
    assert outcome.kind is OutcomeKind.HELD
    assert (dict(machine.files), machine.load("web"), dict(machine.local)) == before
    assert apply(machine, registry, changed, overwrite=True).kind is OutcomeKind.UPDATED
    assert running(machine) == images[str(changed.image.tag)].config.image_id
    assert not propose(machine, registry, changed).plan.steps
    assert machine.load("web").live == len(machine.load("web").releases)


def test_an_edited_unit_of_which_nothing_is_remembered_is_left_alone(machine: FakeMachine) -> None:
    registry = TagsOf(one=push(machine, "1"))
    apply(machine, registry, web("one"))
    machine.files["beacon-web.container"] += "# by hand\n"
    machine.saved.clear()
    assert apply(machine, registry, web("one")).kind is OutcomeKind.HELD
    assert machine.load("web").live is None
    assert machine.files["beacon-web.container"].endswith("# by hand\n")
