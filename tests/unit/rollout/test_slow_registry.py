"""A registry that does not get round to all services within the deadline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from beacon.model.image import Wish
from beacon.model.reference import ImageReference
from beacon.model.service import UpdatePolicy
from beacon.registry.results import CheckResult, FailureKind, Found, Resolution, failed
from beacon.rollout.checking.check import Check
from beacon.rollout.checking.news import last_answer, remember
from beacon.rollout.tools import moment
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import digest, push, roll_out, service, tools


class Slow:
    """A registry that answers the first two questions, with what is live."""

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        late = failed(FailureKind.UNREACHABLE, "it did not answer within 30 s")
        found = Found(digest("index 1"))
        return {one: found if index < 2 else late for index, one in enumerate(dict.fromkeys(references))}

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        raise AssertionError(wishes)

    def tags(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, tuple[str, ...]]:
        return dict.fromkeys(references, ("1.4.0",))


def run(machine: FakeMachine, names: Iterable[str]) -> set[str]:
    """Check once, as the timer does, and return of which services the registry told."""
    checks = machine.load_checks().services
    last = {name: moment(answer) for name, check in checks.items() if (answer := last_answer(check))}
    check = Check(tools(machine), Slow(), {name: machine.load(name) for name in names})
    results = check.run(last)
    remember(tools(machine), machine, [checked.outcome for checked in results], check.answered)
    machine.sleep(300)
    return check.answered


def test_every_service_has_its_turn() -> None:
    machine = FakeMachine()
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        roll_out(machine, push(machine, "1"), service(name, repository=f"me/{name}"))
    answered = [run(machine, names) for _ in range(5)]
    for three in zip(answered, answered[1:], answered[2:], strict=False):
        assert set.union(*three) == set(names)


def test_tags_that_are_told_are_an_answer() -> None:
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"), service(update=UpdatePolicy(follow="^1.4")))
    state = machine.load("web")
    live = state.live_release
    assert live is not None
    machine.save(state.with_release(replace(live, reference=live.reference.with_tag("1.5.2"))))
    assert run(machine, ["web"]) == {"web"}
