"""A plan that its owner has seen is what is done, or nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import ExitStatus, PlanChangedError
from beacon.operations.apply import ApplyRequest, apply, plan
from beacon.operations.listener import StepBegan
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, running


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    """Return a machine with a definition that is to be applied."""
    fake = FakeMachine()
    staged = StagedMachine(fake, tmp_path, push(fake, "1"))
    staged.paths.definitions.mkdir(parents=True)
    define(staged, "")
    return staged


def define(here: StagedMachine, more: str) -> None:
    here.definition_path("web").write_text(f'image = "registry.example/me/web:latest"\n{more}')


def test_what_was_seen_is_done(here: StagedMachine) -> None:
    seen = plan(here, ApplyRequest(), Recorder())
    assert plan(here, ApplyRequest(), Recorder()).digest == seen.digest
    apply(here, ApplyRequest(plan=seen.digest[:12]), Recorder())
    assert running(here.machine) is not None


@pytest.mark.parametrize(
    "more",
    [
        pytest.param('[env]\nGREETING = "hello"\n', id="a restart"),
        pytest.param('[hooks]\nbefore_update = "true"\n[env]\nGREETING = "hello"\n', id="with a hook"),
        pytest.param('[[volume]]\nname = "data"\npath = "/data"\n', id="a volume"),
    ],
)
def test_the_steps_of_a_plan_are_those_that_its_progress_shows(here: StagedMachine, more: str) -> None:
    planned = plan(here, ApplyRequest(), Recorder())
    for definition in ("", more):
        define(here, definition)
        planned = plan(here, ApplyRequest(), Recorder())
        heard = Recorder()
        apply(here, ApplyRequest(), heard)
        began = [one.step.value for one in heard.heard if isinstance(one, StepBegan) and one.step]
        assert [step.kind for rollout in planned.rollouts for step in rollout.steps] == began
    back = [step.kind for rollout in planned.rollouts for step in rollout.back]
    assert back == ["former-files", "former-start"]
    assert not plan(here, ApplyRequest(), Recorder()).rollouts


def test_a_plan_with_other_steps_than_were_seen_is_not_done(here: StagedMachine) -> None:
    apply(here, ApplyRequest(), Recorder())
    define(here, '[env]\nGREETING = "hello"\n')
    seen = plan(here, ApplyRequest(), Recorder())
    before = running(here.machine)
    here.machine.requires["beacon-web.service"] = ("beacon-front.service",)
    here.machine.units["beacon-front.service"] = here.machine.units["beacon-web.service"]
    with pytest.raises(PlanChangedError):
        apply(here, ApplyRequest(plan=seen.digest), Recorder())
    assert running(here.machine) == before


def test_another_plan_than_was_seen_is_not(here: StagedMachine) -> None:
    seen = plan(here, ApplyRequest(), Recorder())
    define(here, '[env]\nGREETING = "hello"\n')
    now = plan(here, ApplyRequest(), Recorder())
    with pytest.raises(PlanChangedError) as raised:
        apply(here, ApplyRequest(plan=seen.digest), Recorder())
    assert raised.value.status is ExitStatus.TEMPFAIL
    assert now.digest[:12] in (raised.value.hint or "")
    assert running(here.machine) is None
