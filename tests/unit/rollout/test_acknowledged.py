"""An image that was rolled back, and of which its owner has said that he knows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.errors import UsageError
from beacon.model.outcome import OutcomeKind
from beacon.model.runtime import UnitState
from beacon.reconcile.notes import Seen, notes
from beacon.rollout.proposing.waiting import reject
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, tools

SEEN = Seen(UnitState("beacon-web.service", load="loaded", active="active"))


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine on which release 2 was rolled back, for a reason that is not certain."""
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"))
    assert roll_out(machine, push(machine, "2", "unready")).kind is OutcomeKind.ROLLED_BACK
    return machine


def test_it_is_told_until_then_and_is_not_tried_again(machine: FakeMachine) -> None:
    state = machine.load("web")
    (entry,) = state.quarantine
    assert entry.until
    assert any(note.startswith("quarantined") for note in notes(state, SEEN))
    image = reject(tools(machine), "web", entry.digest[:15])
    assert str(image) == f"registry.example/me/web@{entry.digest}"
    known = machine.load("web")
    (now,) = known.quarantine
    assert (now.until, bool(now.acknowledged), now.reason) == ("", True, entry.reason)
    assert not any(note.startswith("quarantined") for note in notes(known, SEEN))


def test_by_the_digest_of_its_tag_as_well(machine: FakeMachine) -> None:
    (entry,) = machine.load("web").quarantine
    reject(tools(machine), "web", entry.tag_digest)
    assert machine.load("web").quarantine[0].acknowledged


def test_another_failure_is_news_again(machine: FakeMachine) -> None:
    (entry,) = machine.load("web").quarantine
    reject(tools(machine), "web", entry.digest)
    roll_out(machine, push(machine, "3", "exits"))
    assert [one.acknowledged != "" for one in machine.load("web").quarantine] == [True, False]


def test_what_is_not_named_is_not_meant(machine: FakeMachine) -> None:
    for digest in ("", "fff0000"):
        with pytest.raises(UsageError, match="no release of web waits"):
            reject(tools(machine), "web", digest)
    state = machine.load("web")
    (entry,) = state.quarantine
    twice = replace(state, quarantine=(entry, replace(entry, digest=state.releases[0].digest)))
    machine.save(twice)
    with pytest.raises(UsageError, match="more than one image of web") as caught:
        reject(tools(machine), "web", "sha256:")
    assert (caught.value.hint or "").count("beacon reject web@") == 2
