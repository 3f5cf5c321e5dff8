"""Services that ask before an update: what waits, what lets it start, and what passes it over."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.errors import UsageError
from beacon.model.event import EventKind
from beacon.model.image import ResolvedImage
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.service import Apply, Service, UpdatePolicy, Volume
from beacon.rollout.apply import execute
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.checking.check import Check
from beacon.rollout.decisions.postponed import update_waits
from beacon.rollout.proposing.proposal import ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from beacon.rollout.proposing.waiting import approve, reject
from beacon.rollout.update import update
from tests.fakes.machine import FakeMachine
from tests.fakes.registry import OneImage
from tests.fakes.stage import PLATFORM, RENDERER, push, roll_out, running, service, tools

ASKING = UpdatePolicy(apply=Apply.ASK)


def machine_of(of: Service) -> FakeMachine:
    """Return a machine on which release 1 of a service runs."""
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"), of)
    return machine


@pytest.fixture
def machine() -> FakeMachine:
    """Return one whose service asks first."""
    return machine_of(service(update=ASKING))


def run_update(
    machine: FakeMachine,
    image: ResolvedImage,
    *,
    asks: bool = False,
    named: bool = False,
    retry: bool = False,
) -> Outcome:
    """Do what a run of the timer does where the tag names *image*."""
    on, states = tools(machine, asks=asks), {"web": machine.load("web")}
    findings = Check(on, OneImage(image), states, retry=retry).run({})
    if findings[0].candidate is None:
        return findings[0].outcome
    (outcome,) = update(on, RENDERER, findings, machine.images, insist=named)
    return outcome


def asking(image: ResolvedImage) -> ResolvedImage:
    """Return an image whose label asks for its owner's word."""
    labels = {"io.beacon.update.apply": "ask"}
    return replace(image, config=replace(image.config, labels=labels))


def logged(machine: FakeMachine) -> list[str]:
    return [event.message for event in machine.events if event.kind is EventKind.WAITING]


def test_an_update_waits_is_told_once_and_nothing_is_touched(machine: FakeMachine) -> None:
    two = push(machine, "2")
    machine.effects.clear()
    outcome = run_update(machine, two)
    assert (outcome.kind, outcome.kind.status.value) == (OutcomeKind.WAITING, 75)
    assert outcome.detail == 'it waits for your word: its definition has update.apply = "ask"'
    called = f"web@{two.digest[7:19]}"
    assert outcome.hint == f"beacon approve {called} lets it start, beacon reject {called} passes it over"
    assert not [line for line in machine.effects if not line.startswith("save web idle")]
    for named in (False, True):
        assert run_update(machine, two, named=named).kind is OutcomeKind.WAITING
    assert len(logged(machine)) == 1


def test_an_approval_is_for_its_digest_and_not_for_the_service(machine: FakeMachine) -> None:
    two, three = push(machine, "2"), push(machine, "3")
    run_update(machine, two)
    assert approve(tools(machine), "web", two.digest[7:10]).digest == two.digest
    assert run_update(machine, three).kind is OutcomeKind.WAITING
    assert len(logged(machine)) == 2
    approve(tools(machine), "web", "")
    assert run_update(machine, three).kind is OutcomeKind.UPDATED
    assert (running(machine), machine.load("web").waiting) == (three.config.image_id, ())
    assert run_update(machine, push(machine, "4")).kind is OutcomeKind.WAITING


def test_a_window_still_counts_after_the_approval() -> None:
    machine = machine_of(service(update=UpdatePolicy(apply=Apply.ASK, min_age=3600)))
    two = push(machine, "2")
    assert run_update(machine, two).kind is OutcomeKind.WAITING
    assert update_waits(machine.load("web"), machine.now()) is None, "a word is told by itself"
    approve(tools(machine), "web", "")
    assert run_update(machine, two).kind is OutcomeKind.DEFERRED
    waits = update_waits(machine.load("web"), machine.now())
    assert waits is not None
    assert "too young until" in waits.reason
    machine.sleep(3601)
    assert run_update(machine, two).kind is OutcomeKind.UPDATED


def test_what_is_rejected_is_passed_over_until_the_tag_names_another(machine: FakeMachine) -> None:
    two, three = push(machine, "2"), push(machine, "3")
    run_update(machine, two)
    reject(tools(machine), "web", two.digest)
    assert machine.load("web").waiting == ()
    passed = run_update(machine, two)
    assert passed.kind is OutcomeKind.QUARANTINED
    assert "its owner rejected it" in passed.detail
    assert run_update(machine, three).kind is OutcomeKind.WAITING


def test_what_was_rejected_can_be_asked_for_again_and_approved(machine: FakeMachine) -> None:
    two = push(machine, "2")
    run_update(machine, two)
    reject(tools(machine), "web", "")
    assert run_update(machine, two, retry=True).kind is OutcomeKind.WAITING
    approve(tools(machine), "web", "")
    assert run_update(machine, two).kind is OutcomeKind.UPDATED


@pytest.mark.parametrize("answer", [approve, reject])
def test_nothing_is_answered_that_does_not_wait(machine: FakeMachine, answer: object) -> None:
    assert callable(answer)
    with pytest.raises(UsageError, match="no release of web waits"):
        answer(tools(machine), "web", "")
    run_update(machine, push(machine, "2"))
    with pytest.raises(UsageError, match="no release of web whose digest begins with zzz"):
        answer(tools(machine), "web", "zzz")


SILENT = service()
AUTO = service(given=frozenset({"update.apply"}))


@pytest.mark.parametrize(
    ("of", "label", "asks", "why"),
    [
        (SILENT, None, "auto", None),
        (SILENT, None, "ask", "beacon.toml"),
        (SILENT, "ask", "auto", "its new image"),
        (SILENT, "ask", "ask", "its new image"),
        (AUTO, "ask", "ask", None),
        (service(update=ASKING), None, "auto", "its definition"),
    ],
)
def test_the_definition_counts_before_the_image_and_that_before_the_machine(
    of: Service, label: str | None, asks: str, why: str | None
) -> None:
    machine = machine_of(of)
    two = push(machine, "2")
    outcome = run_update(machine, asking(two) if label else two, asks=asks == "ask")
    assert outcome.kind is (OutcomeKind.UPDATED if why is None else OutcomeKind.WAITING)
    assert why is None or f'{why} has update.apply = "ask"' in outcome.detail


def test_a_changed_definition_is_no_word_for_an_update_that_waits(machine: FakeMachine) -> None:
    one, two = machine.load("web").releases[0], push(machine, "2")
    run_update(machine, two)
    changed = service(update=ASKING, env={"A": "1"}, volumes=(Volume("/srv", name="srv"),))
    proposer = Proposer(tools(machine), OneImage(two), RENDERER, PLATFORM)
    wanted = ProposalRequest(definitions={"web": DefinedService(changed, "changed")})
    (outcome,) = execute(tools(machine), proposer.propose(wanted, machine.files))
    assert outcome.kind is OutcomeKind.UPDATED
    assert running(machine) == one.image.image_id
    assert machine.load("web").waiting
