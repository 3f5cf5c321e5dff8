"""Work that was planned before another process changed the service is not done on top of that."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.model.outcome import OutcomeKind
from beacon.model.reference import Digest
from beacon.model.release import Quarantine
from beacon.operations.update import UpdateRequest, update
from beacon.rollout.apply import execute
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.deploy import deploy
from beacon.rollout.proposing.proposal import Proposal, ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.registry import OneImage
from tests.fakes.stage import (
    PLATFORM,
    RENDERER,
    digest,
    plan_rollout,
    push,
    roll_out,
    running,
    service,
    tools,
)


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine whose service runs."""
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"))
    return machine


def test_a_digest_that_failed_meanwhile_is_not_tried(machine: FakeMachine) -> None:
    two = push(machine, "2")
    planned = replace(plan_rollout(machine, two), basis=machine.load("web").basis)
    bad = Quarantine(two.digest, two.tag_digest, "f", "2026-11-29T12:00:00Z", "it exited with status 1")
    machine.saved["web"] = replace(machine.load("web"), quarantine=(bad,))
    (outcome,) = deploy(tools(machine), [planned])
    assert outcome.kind is OutcomeKind.BUSY
    assert running(machine) == push(machine, "1").config.image_id
    assert machine.load("web").quarantine == (bad,)


def propose(machine: FakeMachine, description: str) -> Proposal:
    of = replace(service(), description=description)
    proposer = Proposer(tools(machine), OneImage(push(machine, "1")), RENDERER, PLATFORM)
    return proposer.propose(
        ProposalRequest(definitions={"web": DefinedService(of, description)}), machine.files
    )


def test_a_definition_that_was_applied_meanwhile_is_not_written_back(machine: FakeMachine) -> None:
    older = propose(machine, "older")
    execute(tools(machine), propose(machine, "newer"))
    newer = machine.load("web").live_release
    (outcome,) = execute(tools(machine), older)
    assert outcome.kind is OutcomeKind.DEFERRED
    assert "another beacon has been at work" in outcome.detail
    assert machine.load("web").live_release == newer
    assert newer is not None
    assert newer.definition == "newer"


class Overtaken(FakeMachine):
    """A machine whose service another process changes so many times, each time before a rollout begins."""

    times = 0

    def is_partial(self, image: Digest) -> bool:
        state = self.saved["web"]
        if self.times:
            self.times -= 1
            bad = digest(f"bad {self.times}")
            entry = Quarantine(bad, bad, "f", "2026-11-29T12:00:00Z", "it failed")
            self.saved["web"] = replace(state, quarantine=(entry,))
        return super().is_partial(image)


@pytest.mark.parametrize(("times", "end"), [(1, "updated"), (2, "updated"), (3, "busy")])
def test_an_update_is_planned_anew_twice(tmp_path: Path, times: int, end: str) -> None:
    machine = Overtaken()
    roll_out(machine, push(machine, "1"))
    machine.times = times
    here = StagedMachine(machine, tmp_path, push(machine, "2"))
    here.paths.definitions.mkdir(parents=True)
    (outcome,) = update(here, UpdateRequest(), Recorder()).services
    assert outcome.outcome == end
    assert machine.load("web").live == (2 if end == "updated" else 1)
