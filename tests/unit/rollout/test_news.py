"""A look at the registries: what it says of each service, and when it tells that there is news."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.event import EventKind
from beacon.model.image import Platform, ResolvedImage, Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import ImageReference
from beacon.model.service import UpdatePolicy
from beacon.registry.results import CheckResult, Deferred, FailureKind, Found, Resolution, failed
from beacon.rollout.checking.check import Check, Checked
from beacon.rollout.checking.news import last_answer, remember
from beacon.rollout.early import Early
from beacon.rollout.tools import moment
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import PLATFORM, push, roll_out, service, tools


class OneImage:
    """A registry in which every tag names one image; it notes what it is asked."""

    def __init__(self, image: ResolvedImage, log: list[str]) -> None:
        self._image = image
        self._log = log
        self.found: CheckResult = Found(image.tag_digest)
        self.platforms: set[Platform] = set()

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        self._log.append("check")
        return dict.fromkeys(references, self.found)

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        self._log.append("resolve")
        found: dict[Wish, Resolution] = dict.fromkeys(wishes, self._image)
        self.platforms = {wish.platform for wish in found}
        return found

    def tags(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, tuple[str, ...]]:
        raise AssertionError(references)


def check(machine: FakeMachine, image: ResolvedImage, log: list[str]) -> Checked:
    look = Check(
        tools(machine),
        OneImage(image, log),
        {"web": machine.load("web")},
        on_news=lambda: log.append("news"),
    )
    (checked,) = look.run({})
    return checked


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine on which release 1 is live."""
    made = FakeMachine()
    roll_out(made, push(made, "1"))
    return made


def test_a_moved_tag_is_news_before_its_image_is_looked_up(machine: FakeMachine) -> None:
    log: list[str] = []
    checked = check(machine, push(machine, "2"), log)
    assert checked.outcome.kind is OutcomeKind.AVAILABLE
    assert log == ["check", "news", "resolve"]


def test_an_image_that_waits_is_news_again_without_being_looked_up(machine: FakeMachine) -> None:
    two = push(machine, "2")
    check(machine, two, [])
    log: list[str] = []
    assert check(machine, two, log).candidate is not None
    assert log == ["check", "news"]


def test_a_tag_that_has_not_moved_is_no_news(machine: FakeMachine) -> None:
    log: list[str] = []
    assert check(machine, push(machine, "1"), log).outcome.kind is OutcomeKind.UP_TO_DATE
    assert log == ["check"]


def test_what_the_owner_should_know_of_a_login_is_said_with_what_was_found(machine: FakeMachine) -> None:
    one = push(machine, "1")
    registry = OneImage(one, [])
    registry.found = Found(one.tag_digest, warnings=("the login was refused; without it went well",))
    (checked,) = Check(tools(machine), registry, {"web": machine.load("web")}).run({})
    assert checked.outcome.kind is OutcomeKind.UP_TO_DATE
    assert checked.outcome.detail.endswith("; the login was refused; without it went well")


def test_a_registry_that_asks_for_patience_is_the_same_news_until_it_answers(machine: FakeMachine) -> None:
    registry = OneImage(push(machine, "1"), [])
    said = []
    for seconds in (3600.0, 300.0):
        registry.found = Deferred("too many requests", seconds)
        (checked,) = Check(tools(machine), registry, {"web": machine.load("web")}).run({})
        said.append((checked.outcome.kind, checked.outcome.detail, checked.outcome.hint))
    assert said == [
        (OutcomeKind.DEFERRED, "too many requests", "try again in about 60 min"),
        (OutcomeKind.DEFERRED, "too many requests", "try again in about 5 min"),
    ]


ARM = Platform("linux", "arm64")


@pytest.mark.parametrize(
    ("declared", "asked", "expected"),
    [
        pytest.param(None, ARM, ARM, id="what the live image was asked for"),
        pytest.param(ARM, PLATFORM, ARM, id="what the definition says"),
        pytest.param(None, None, PLATFORM, id="what the image says, for a release of an older Beacon"),
    ],
)
def test_an_image_is_looked_up_for_the_platform_of_the_live_one(
    machine: FakeMachine, declared: Platform | None, asked: Platform | None, expected: Platform
) -> None:
    """The configuration of an image may lie: one built for arm64 on amd64 often says amd64."""
    state = machine.load("web")
    (live,) = state.releases
    live = replace(live, service=replace(live.service, platform=declared), platform=asked)
    registry = OneImage(push(machine, "2"), [])
    (checked,) = Check(tools(machine), registry, {"web": replace(state, releases=(live,))}).run({})
    assert registry.platforms == {expected}
    assert checked.candidate is not None
    assert checked.candidate.platform == expected


def test_a_call_is_made_once_however_often_it_is_begun_and_asked() -> None:
    log: list[str] = []
    ahead = Early(lambda: log.append("called"))
    assert log == []
    ahead.begin()
    ahead.begin()
    ahead.result()
    ahead.result()
    assert log == ["called"]


def test_what_a_call_raises_meets_who_asks_for_its_result() -> None:
    def fail() -> None:
        raise MachineError("no engine")

    ahead = Early(fail)
    ahead.begin()
    with pytest.raises(MachineError, match="no engine"):
        ahead.result()


class Down(OneImage):
    """A registry that does not answer."""

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        self._log.append("check")
        return dict.fromkeys(references, failed(FailureKind.UNREACHABLE, "it does not answer"))


DAILY = service(update=UpdatePolicy(every=86_400.0, window=("02:00-03:00",)))


def look(machine: FakeMachine, registry: OneImage) -> tuple[Checked, ...]:
    """Check as a run of the timer does, and remember it."""
    answers = {name: last_answer(one) for name, one in machine.checks.services.items()}
    run = Check(tools(machine), registry, {"web": machine.load("web")})
    found = run.run({name: moment(answer) for name, answer in answers.items() if answer})
    remember(tools(machine), machine, [one.outcome for one in found], run.answered)
    return found


def test_what_is_new_waits_for_its_window_and_not_for_the_next_question() -> None:
    machine, log = FakeMachine(), list[str]()
    roll_out(machine, push(machine, "1"), DAILY)
    registry = OneImage(push(machine, "2"), log)
    assert [one.candidate is not None for one in look(machine, registry)] == [True]
    log.clear()
    machine.time += 3600
    (found,) = look(machine, registry)
    assert found.candidate is not None
    assert found.first_seen is not None
    assert log == []  # the registry was not asked again
    machine.time += 86_400
    look(machine, registry)
    assert "check" in log


def test_a_question_without_an_answer_is_asked_again() -> None:
    machine, log = FakeMachine(), list[str]()
    roll_out(machine, push(machine, "1"), DAILY)
    down = Down(push(machine, "2"), log)
    look(machine, down)
    machine.time += 300
    look(machine, down)
    assert log == ["check", "check"]


def test_what_failed_is_not_brought_up_between_questions() -> None:
    machine, log = FakeMachine(), list[str]()
    roll_out(machine, push(machine, "1"), DAILY)
    bad = push(machine, "2", "exits")
    look(machine, OneImage(bad, log))
    roll_out(machine, bad, DAILY)
    assert look(machine, OneImage(bad, log)) == ()


def test_that_nobody_answers_for_a_day_is_told_once_until_somebody_does(machine: FakeMachine) -> None:
    logged = [EventKind.UNANSWERED]
    for hours, kind, expected in (
        (0, OutcomeKind.UNCHECKED, []),
        (23, OutcomeKind.UNCHECKED, []),
        (1, OutcomeKind.UNCHECKED, logged),
        (5, OutcomeKind.UNCHECKED, logged),
        (0, OutcomeKind.UP_TO_DATE, logged),
        (1, OutcomeKind.UNCHECKED, logged),
        (25, OutcomeKind.UNCHECKED, logged * 2),
    ):
        machine.sleep(hours * 3600)
        remember(tools(machine), machine, [Outcome("web", kind, "no route")], ())
        assert [one.kind for one in machine.events if one.kind is EventKind.UNANSWERED] == expected


def test_that_there_is_little_room_is_told_once_until_there_is_more(machine: FakeMachine) -> None:
    for room, times in (
        (2**40, 0),
        (2**29, 1),
        (2**28, 1),
        (2**30 + 1, 1),
        (2**29, 1),
        (2**31, 1),
        (2**29, 2),
    ):
        machine.free = room
        remember(tools(machine), machine, [], ())
        assert [one.kind for one in machine.events].count(EventKind.DISK_LOW) == times
    assert machine.events[-1].message.startswith("there is little room left: 512 MiB in /var; ")
