"""A range whose best version is in quarantine: the next that is above what is live takes its turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from beacon.model.image import ResolvedImage, Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import ImageReference
from beacon.model.service import Apply, UpdatePolicy
from beacon.registry.results import CheckResult, Found, Resolution
from beacon.rollout.back import roll_back
from beacon.rollout.checking.check import Check
from beacon.rollout.proposing.waiting import approve, reject
from beacon.rollout.update import update
from tests.fakes.machine import Behaviour, FakeMachine
from tests.fakes.stage import RENDERER, digest, push, roll_out, running, service, tools


class Versions:
    """A registry of one repository, and the machine that follows a range of it; 1.4.0 is live."""

    def __init__(self, **policy: object) -> None:
        self.machine = FakeMachine()
        self.images: dict[str, ResolvedImage] = {}
        self.asked: list[str] = []
        of = service(update=replace(UpdatePolicy(follow="^1.4"), **policy))
        self.push("1.4.0")
        roll_out(self.machine, self.images["1.4.0"], replace(of, image=of.image.with_tag("1.4.0")))

    def push(self, tag: str, behaviour: Behaviour = "good", version: str = "") -> None:
        self.images[tag] = push(self.machine, version or tag, behaviour)

    def update(self) -> Outcome:
        """Do what a run of the timer does."""
        on = tools(self.machine)
        findings = Check(on, self, {"web": self.machine.load("web")}).run({})
        (outcome,) = update(on, RENDERER, findings, self.machine.images)
        return outcome

    def is_at(self, tag: str) -> bool:
        return running(self.machine) == self.images[tag].config.image_id

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        found = {one: Found(self.images[one.tag or ""].tag_digest) for one in references}
        self.asked += [one.tag or "" for one in found]
        return found

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        return {wish: self.images[wish.reference.tag or ""] for wish in wishes}

    def tags(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, tuple[str, ...]]:
        return dict.fromkeys(references, tuple(self.images))


def test_the_next_version_takes_its_turn_and_the_bad_one_is_not_tried_again() -> None:
    web = Versions()
    web.push("1.4.1")
    web.push("1.4.2", "exits")
    assert web.update().kind is OutcomeKind.ROLLED_BACK
    assert web.update().kind is OutcomeKind.UPDATED
    assert web.is_at("1.4.1")
    for _ in range(2):
        assert web.update().kind is OutcomeKind.QUARANTINED
    assert web.is_at("1.4.1")
    web.push("1.4.3")
    assert web.update().kind is OutcomeKind.UPDATED
    assert web.machine.load("web").quarantine == ()


def test_a_version_below_what_is_live_is_never_tried() -> None:
    web = Versions()
    web.push("1.4.2")
    web.update()
    web.push("1.4.1")
    web.push("1.4.3", "exits")
    web.update()
    assert web.update().kind is OutcomeKind.QUARANTINED
    assert web.is_at("1.4.2")
    assert "1.4.1" not in web.asked


def test_the_tag_that_is_live_may_move_meanwhile() -> None:
    web = Versions()
    web.push("1.4.1", "exits")
    web.update()
    web.push("1.4.0", version="1.4.0 mended")
    assert web.update().kind is OutcomeKind.UPDATED
    assert web.is_at("1.4.0")


def test_who_goes_back_past_a_version_does_not_get_it_again() -> None:
    web = Versions()
    for tag in ("1.4.1", "1.4.2"):
        web.push(tag)
        web.update()
    roll_back(tools(web.machine), RENDERER, "web", 1)
    assert web.update().kind is OutcomeKind.QUARANTINED
    assert web.is_at("1.4.0")


def test_only_a_few_are_tried_after_each_other() -> None:
    web = Versions()
    for patch in range(1, 9):
        web.push(f"1.4.{patch}", "exits")
    kinds = [web.update().kind for _ in range(6)]
    assert kinds == [OutcomeKind.ROLLED_BACK] * 4 + [OutcomeKind.QUARANTINED] * 2


def test_the_word_for_a_lower_version_is_kept_from_check_to_check() -> None:
    web = Versions(apply=Apply.ASK)
    web.push("1.4.1")
    web.push("1.4.2")
    web.update()
    reject(tools(web.machine), "web", "")
    assert web.update().kind is OutcomeKind.WAITING
    approve(tools(web.machine), "web", web.images["1.4.1"].digest)
    assert web.update().kind is OutcomeKind.UPDATED
    assert web.is_at("1.4.1")
    assert web.update().kind is OutcomeKind.QUARANTINED, "what was rejected stays so"


def test_a_new_index_around_what_failed_is_known_by_its_digest_from_then_on() -> None:
    web = Versions()
    web.push("1.4.1")
    web.push("1.4.2", "exits")
    web.update()
    again = replace(web.images["1.4.2"], tag_digest=digest("another index"))
    web.images["1.4.2"] = again
    assert web.update().kind is OutcomeKind.QUARANTINED
    assert web.machine.load("web").quarantine[0].tag_digest == again.tag_digest
    assert web.update().kind is OutcomeKind.UPDATED
    assert web.is_at("1.4.1")
