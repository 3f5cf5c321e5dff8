"""Services of which nothing is remembered: what runs goes on, what does not is brought up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from msgspec.structs import replace

from beacon.errors import BeaconError, MachineError, RegistryError, UsageError
from beacon.model.event import EventKind
from beacon.model.image import ResolvedImage, Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.plan import PullImage, StartUnit
from beacon.model.reference import ImageReference
from beacon.model.release import Hold, Release, ServiceState, Trigger
from beacon.model.service import Endpoint, Service
from beacon.registry.results import CheckResult, Found, Resolution
from beacon.rollout.apply import execute
from beacon.rollout.back import roll_back
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.checking.check import Check
from beacon.rollout.proposing.proposal import Proposal, ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import PLATFORM, RENDERER, push, running, service, tools


class Tags:
    """A registry of images by their tags and digests; *away* answers nothing."""

    def __init__(self, *, away: bool = False, **images: ResolvedImage) -> None:
        self.images = images
        self.away = away

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        return {one: Found(self.images[one.tag or ""].tag_digest) for one in references}

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        by_digest = {str(one.digest): one for one in self.images.values()}
        known = {} if self.away else {**self.images, **by_digest}
        away = RegistryError("the registry is away")
        return {wish: known.get(str(wish.reference.tag or wish.digest), away) for wish in wishes}

    def tags(
        self, references: Iterable[ImageReference]
    ) -> Mapping[ImageReference, tuple[str, ...] | BeaconError]:
        return {reference: tuple(self.images) for reference in references}


def propose(machine: FakeMachine, registry: Tags, of: Service) -> Proposal:
    proposer = Proposer(tools(machine), registry, RENDERER, PLATFORM)
    return proposer.propose(
        ProposalRequest(definitions={of.name: DefinedService(of, str(of))}), machine.files
    )


def apply(machine: FakeMachine, registry: Tags, of: Service) -> Outcome:
    (outcome,) = execute(tools(machine), propose(machine, registry, of))
    return outcome


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine on which release 2 runs, and nothing is remembered of it."""
    made = FakeMachine()
    apply(made, Tags(latest=push(made, "0")), service(env={"A": "1"}))
    apply(made, Tags(latest=push(made, "1")), service())
    made.saved.clear()
    made.effects.clear()
    made.events.clear()
    return made


@pytest.fixture
def one(machine: FakeMachine) -> ResolvedImage:
    """Return the image that runs."""
    return push(machine, "0")


def touched(machine: FakeMachine) -> list[str]:
    return [effect for effect in machine.effects if not effect.startswith(("save", "keep"))]


@pytest.mark.parametrize("away", [False, True])
def test_what_runs_goes_on_without_a_restart(machine: FakeMachine, one: ResolvedImage, away: bool) -> None:  # noqa: FBT001
    registry = Tags(latest=one, away=away)
    proposal = propose(machine, registry, service())
    assert proposal.plan.is_empty
    assert machine.saved == {}, "a plan changes nothing"
    (outcome,) = execute(tools(machine), proposal)
    assert outcome.kind is OutcomeKind.UNCHANGED
    state = machine.load("web")
    assert state.live_release is not None
    assert (state.live, state.live_release.trigger) == (2, Trigger.TAKEOVER)
    assert touched(machine) == []
    assert [event.kind for event in machine.events] == [EventKind.TAKEN_OVER]
    apply(machine, registry, service())
    assert len(machine.events) == 1, "told once"


def test_it_is_followed_again_and_its_index_is_no_news(machine: FakeMachine, one: ResolvedImage) -> None:
    apply(machine, Tags(latest=one), service())
    registry = Tags(latest=one)
    (checked,) = Check(tools(machine), registry, {"web": machine.load("web")}).run({})
    assert checked.outcome.kind is OutcomeKind.UP_TO_DATE
    registry.images["latest"] = push(machine, "3")
    (checked,) = Check(tools(machine), registry, {"web": machine.load("web")}).run({})
    assert checked.candidate is not None
    assert checked.candidate.number == 3


def test_what_was_before_is_not_known(machine: FakeMachine, one: ResolvedImage) -> None:
    apply(machine, Tags(latest=one), service())
    with pytest.raises(UsageError, match="is not known: its state was lost"):
        roll_back(tools(machine), RENDERER, "web", None)


def test_a_hold_that_is_still_there_stays(machine: FakeMachine, one: ResolvedImage) -> None:
    machine.saved["web"] = ServiceState("web", hold=Hold("2026-01-01T00:00:00Z"))
    apply(machine, Tags(latest=one), service())
    assert machine.load("web").hold is not None
    assert machine.load("web").live == 2


def test_a_definition_that_was_changed_is_not_followed_before_it_is_applied(
    machine: FakeMachine, one: ResolvedImage
) -> None:
    changed = service(env={"B": "2"})
    proposal = propose(machine, Tags(latest=one), changed)
    state = proposal.taken.states["web"]
    (checked,) = Check(tools(machine), Tags(latest=push(machine, "3")), {"web": state}).run({})
    assert (checked.outcome.kind, checked.candidate) == (OutcomeKind.DEFERRED, None)
    (outcome,) = execute(tools(machine), proposal)
    assert (outcome.kind, outcome.release) == (OutcomeKind.UPDATED, 3)
    (checked,) = Check(tools(machine), Tags(latest=push(machine, "3")), machine.saved).run({})
    assert checked.candidate is not None


def test_ports_of_the_loopback_stay(machine: FakeMachine, one: ResolvedImage) -> None:
    of = service(endpoints=(Endpoint("example.org", 8080),))

    def at(port: int) -> Proposal:
        def allot(release: Release) -> Release:
            return replace(release, ports=release.ports or {"8080/tcp": port})

        renderer = replace(RENDERER, allot=allot)
        return Proposer(tools(machine), Tags(latest=one), renderer, PLATFORM).propose(
            wanted(of), machine.files
        )

    execute(tools(machine), at(20123))
    ports = machine.load("web").ports
    machine.saved.clear()
    proposal = at(20999)
    assert proposal.plan.is_empty
    assert ports == proposal.taken.states["web"].ports == {"8080/tcp": 20123}


def wanted(of: Service) -> ProposalRequest:
    return ProposalRequest(definitions={of.name: DefinedService(of, str(of))})


def test_where_the_image_is_gone_too_it_is_pulled_and_started(
    machine: FakeMachine, one: ResolvedImage
) -> None:
    machine.stop("beacon-web.service", 10)
    machine.local.clear()
    moved = Tags(latest=push(machine, "3"), old=one)
    proposal = propose(machine, moved, service())
    kinds = [type(step) for step in proposal.plan.steps]
    assert kinds == [PullImage, StartUnit]
    (outcome,) = execute(tools(machine), proposal)
    assert (outcome.kind, outcome.release) == (OutcomeKind.INSTALLED, 2)
    assert running(machine) == one.config.image_id


def test_where_its_registry_has_it_no_more_the_tag_s_image_is_taken(machine: FakeMachine) -> None:
    machine.stop("beacon-web.service", 10)
    machine.local.clear()
    three = push(machine, "3")
    assert apply(machine, Tags(latest=three), service()).kind is OutcomeKind.INSTALLED
    assert running(machine) == three.config.image_id


def test_what_runs_and_cannot_be_understood_is_left_alone(machine: FakeMachine) -> None:
    machine.local.clear()
    outcome = apply(machine, Tags(away=True), service())
    assert outcome.kind is OutcomeKind.UNCHECKED
    assert touched(machine) == []


def test_a_file_that_was_not_started_yet_is_brought_up(machine: FakeMachine, one: ResolvedImage) -> None:
    """A rollout was cut off between its switch and its restart, and its journal is lost."""
    image, _ = machine.units["beacon-web.service"].running or (None, None)
    assert image is not None
    machine.units["beacon-web.service"].running = (image, 1)
    assert apply(machine, Tags(latest=one), service()).kind is OutcomeKind.INSTALLED
    assert machine.containers()["web"].release == 2


class Damaged(FakeMachine):
    """A machine on which the state of web cannot be read."""

    def load(self, name: str) -> ServiceState:
        if name == "web":
            raise MachineError("cannot understand web.json", hint="move it away")
        return super().load(name)


def test_a_state_that_cannot_be_read_hinders_no_other_service() -> None:
    machine = Damaged()
    registry = Tags(latest=push(machine, "1"))
    definitions = {name: DefinedService(service(name), name) for name in ("web", "api")}
    proposer = Proposer(tools(machine), registry, RENDERER, PLATFORM)
    proposal = proposer.propose(ProposalRequest(definitions=definitions), machine.files)
    ends = {one.service: one.kind for one in execute(tools(machine), proposal)}
    assert ends == {"api": OutcomeKind.INSTALLED, "web": OutcomeKind.FAILED}
