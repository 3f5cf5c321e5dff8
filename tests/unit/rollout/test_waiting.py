"""A release that would not see data of the live one waits for its owner's word, and what that word is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from msgspec.structs import replace

from beacon.errors import UsageError
from beacon.model.event import EventKind
from beacon.model.image import ResolvedImage, Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.plan import Plan
from beacon.model.reference import ImageReference
from beacon.model.service import Service, Volume
from beacon.registry.results import CheckResult, Found, Resolution
from beacon.rollout.apply import execute
from beacon.rollout.back import roll_back
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.checking.check import Check
from beacon.rollout.proposing.proposal import Proposal, ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from beacon.rollout.proposing.waiting import approve
from beacon.rollout.update import update
from tests.fakes.machine import Behaviour, FakeMachine
from tests.fakes.stage import PLATFORM, RENDERER, push, roll_out, running, service, tools

OLD = "beacon-web-var-lib-db-data"


class Tags:
    """A registry of images by their tags."""

    def __init__(self, **images: ResolvedImage) -> None:
        self.images = images

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        return {one: Found(self.images[one.tag or ""].tag_digest) for one in references}

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        return {wish: self.images[wish.reference.tag or ""] for wish in wishes}

    def tags(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, tuple[str, ...]]:
        return {reference: tuple(self.images) for reference in references}


def image(machine: FakeMachine, version: str, *volumes: str, behaviour: Behaviour = "good") -> ResolvedImage:
    """Push an image with VOLUMEs."""
    made = push(machine, version, behaviour)
    return replace(made, config=replace(made.config, volumes=volumes))


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine on which release 1 has data in its volume."""
    made = FakeMachine()
    roll_out(made, image(made, "1", "/var/lib/db/data"))
    made.data.add(OLD)
    return made


def run_update(machine: FakeMachine, moved: ResolvedImage, *, retry: bool = False) -> Outcome:
    """Do what a run of the timer does where the tag names *moved*."""
    states = {"web": machine.load("web")}
    findings = Check(tools(machine), Tags(latest=moved), states, retry=retry).run({})
    if findings[0].candidate is None:
        return findings[0].outcome
    (outcome,) = update(tools(machine), RENDERER, findings, machine.images)
    return outcome


def propose(machine: FakeMachine, registry: Tags, of: Service) -> Proposal:
    proposer = Proposer(tools(machine), registry, RENDERER, PLATFORM)
    return proposer.propose(
        ProposalRequest(definitions={of.name: DefinedService(of, str(of))}), machine.files
    )


def apply(machine: FakeMachine, registry: Tags, of: Service) -> Outcome:
    (outcome,) = execute(tools(machine), propose(machine, registry, of))
    return outcome


def logged(machine: FakeMachine) -> list[str]:
    return [event.message for event in machine.events if event.kind is EventKind.WAITING]


def test_a_moved_volume_waits_and_nothing_is_touched(machine: FakeMachine) -> None:
    two = image(machine, "2", "/var/lib/db")
    machine.effects.clear()
    outcome = run_update(machine, two)
    assert outcome.kind is OutcomeKind.WAITING
    assert outcome.kind.status.value == 75
    assert f"{OLD}, mounted at /var/lib/db/data, holds data" in outcome.detail
    assert outcome.detail.endswith("keeps its data at /var/lib/db")
    assert outcome.hint is not None
    assert f"beacon approve web@{two.digest[7:19]}" in outcome.hint
    assert not [line for line in machine.effects if not line.startswith("save web idle")]
    (waiting,) = machine.load("web").waiting
    assert (waiting.digest, waiting.approved, waiting.displaced[0].volume) == (two.digest, "", OLD)


def test_it_is_told_once_and_again_for_another_image(machine: FakeMachine) -> None:
    two, three = image(machine, "2", "/var/lib/db"), image(machine, "3", "/srv")
    for _ in range(3):
        run_update(machine, two)
    since = machine.load("web").waiting[0].since
    assert len(logged(machine)) == 1
    machine.sleep(60)
    run_update(machine, two)
    assert machine.load("web").waiting[0].since == since
    approve(tools(machine), "web", "")
    run_update(machine, three)
    assert len(logged(machine)) == 2
    (waiting,) = machine.load("web").waiting
    assert (waiting.digest, waiting.approved) == (three.digest, "")


def test_an_approval_lets_that_image_start_and_ends_with_it(machine: FakeMachine) -> None:
    two = image(machine, "2", "/var/lib/db")
    run_update(machine, two)
    approve(tools(machine), "web", two.digest[7:10])
    assert run_update(machine, two).kind is OutcomeKind.UPDATED
    assert running(machine) == two.config.image_id
    assert machine.load("web").waiting == ()
    back = roll_back(tools(machine), RENDERER, "web", None)
    assert back.kind is OutcomeKind.UPDATED
    assert "what release 2 has in beacon-web-var-lib-db stays there" in back.detail
    assert run_update(machine, two, retry=True).kind is OutcomeKind.WAITING


def test_an_approval_ends_where_the_image_fails(machine: FakeMachine) -> None:
    two = image(machine, "2", "/var/lib/db", behaviour="unstartable")
    run_update(machine, two)
    approve(tools(machine), "web", "")
    assert run_update(machine, two).kind is OutcomeKind.ROLLED_BACK
    assert machine.load("web").waiting == ()
    assert run_update(machine, two, retry=True).kind is OutcomeKind.WAITING


def test_an_approval_is_for_what_was_said_then(machine: FakeMachine) -> None:
    machine.data.add("beacon-web-cache")
    roll_out(machine, image(machine, "1b", "/var/lib/db/data", "/cache"))
    machine.data.remove("beacon-web-cache")
    two = image(machine, "2", "/var/lib/db")
    run_update(machine, two)
    approve(tools(machine), "web", "")
    machine.data.add("beacon-web-cache")
    outcome = run_update(machine, two)
    assert outcome.kind is OutcomeKind.WAITING
    assert "beacon-web-cache" in outcome.detail


def test_an_empty_volume_does_not_count(machine: FakeMachine) -> None:
    machine.data.clear()
    assert run_update(machine, image(machine, "2", "/var/lib/db")).kind is OutcomeKind.UPDATED


def test_what_cannot_be_looked_at_waits(machine: FakeMachine) -> None:
    machine.unreadable.add(OLD)
    outcome = run_update(machine, image(machine, "2", "/var/lib/db"))
    assert outcome.kind is OutcomeKind.WAITING
    assert "could not be looked at" in outcome.detail


def test_a_tag_that_goes_back_leaves_nothing_waiting(machine: FakeMachine) -> None:
    run_update(machine, image(machine, "2", "/var/lib/db"))
    assert run_update(machine, image(machine, "1", "/var/lib/db/data")).kind is OutcomeKind.UP_TO_DATE
    assert machine.load("web").waiting == ()


def of_tag(tag: str, *volumes: Volume, **env: str) -> Service:
    return replace(service(), image=service().image.with_tag(tag), volumes=volumes, env=env)


def test_a_definition_that_names_another_image_waits_as_well(machine: FakeMachine) -> None:
    two = image(machine, "2", "/var/lib/db")
    registry = Tags(latest=image(machine, "1", "/var/lib/db/data"), two=two)
    proposal = propose(machine, registry, of_tag("two"))
    assert proposal.plan == Plan()
    assert [outcome.kind for outcome in proposal.outcomes] == [OutcomeKind.WAITING]
    assert (machine.load("web").waiting, logged(machine)) == ((), []), "a plan changes nothing"
    outcome = apply(machine, registry, of_tag("two"))
    assert (outcome.kind, len(logged(machine))) == (OutcomeKind.WAITING, 1)
    run_update(machine, registry.images["latest"])
    (waiting,) = machine.load("web").waiting
    assert not waiting.is_update
    approve(tools(machine), "web", waiting.digest)
    assert apply(machine, registry, of_tag("two")).kind is OutcomeKind.UPDATED
    assert machine.load("web").waiting == ()


def test_a_definition_that_asks_for_it_no_more_leaves_nothing_waiting(machine: FakeMachine) -> None:
    registry = Tags(latest=image(machine, "1", "/var/lib/db/data"), two=image(machine, "2", "/var/lib/db"))
    apply(machine, registry, of_tag("two"))
    assert apply(machine, registry, service()).kind is OutcomeKind.UNCHANGED
    assert machine.load("web").waiting == ()


@pytest.mark.parametrize("path", ["/var/lib/db", "/var/lib/db/data"])
def test_a_definition_that_says_where_the_data_goes_is_the_word(machine: FakeMachine, path: str) -> None:
    two = image(machine, "2", "/var/lib/db")
    run_update(machine, two)
    mended = of_tag("latest", Volume(path, name="var-lib-db-data"))
    assert apply(machine, Tags(latest=two), mended).kind is OutcomeKind.UPDATED
    assert running(machine) == two.config.image_id
    assert f"beacon-web-var-lib-db-data.volume:{path}" in machine.files["beacon-web.container"]
    assert machine.load("web").waiting == ()


def test_another_change_of_the_definition_does_not_wait(machine: FakeMachine) -> None:
    two = image(machine, "2", "/var/lib/db")
    run_update(machine, two)
    assert apply(machine, Tags(latest=two), of_tag("latest", A="1")).kind is OutcomeKind.UPDATED
    assert running(machine) == machine.load("web").releases[0].image.image_id
    assert machine.load("web").waiting
    assert run_update(machine, two).kind is OutcomeKind.WAITING


def test_a_volume_that_its_owner_takes_out_does_not_wait(machine: FakeMachine) -> None:
    one = image(machine, "1", "/var/lib/db/data")
    registry = Tags(latest=one)
    apply(machine, registry, of_tag("latest", Volume("/srv", name="srv")))
    machine.data.add("beacon-web-srv")
    assert apply(machine, registry, service()).kind is OutcomeKind.UPDATED


@pytest.mark.parametrize("digest", ["sha256:0", "zzz", "0"])
def test_a_digest_that_does_not_wait_is_not_approved(machine: FakeMachine, digest: str) -> None:
    two = image(machine, "2", "/var/lib/db")
    assert not two.digest.startswith("sha256:0")
    run_update(machine, two)
    with pytest.raises(UsageError, match="no release of web whose digest begins with"):
        approve(tools(machine), "web", digest)


def test_nothing_is_approved_where_nothing_waits(machine: FakeMachine) -> None:
    with pytest.raises(UsageError, match="no release of web waits"):
        approve(tools(machine), "web", "")


def test_of_two_that_wait_one_must_be_named(machine: FakeMachine) -> None:
    two, three = image(machine, "2", "/var/lib/db"), image(machine, "3", "/srv")
    run_update(machine, two)
    apply(machine, Tags(three=three), of_tag("three"))
    with pytest.raises(UsageError, match="more than one release of web waits") as fault:
        approve(tools(machine), "web", "")
    assert fault.value.hint is not None
    assert fault.value.hint.count("beacon approve web@") == 2
    assert approve(tools(machine), "web", three.tag_digest).digest == three.digest
    assert [one.digest for one in machine.load("web").waiting if not one.approved] == [two.digest]
