"""Updates and rollbacks, asked of a machine in memory: what is done, and what the answer says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.errors import AccessError, MachineError, UsageError
from beacon.model.event import EventKind
from beacon.model.image import ResolvedImage
from beacon.model.machine import Scope
from beacon.model.outcome import OutcomeKind
from beacon.model.release import Hold
from beacon.model.runtime import LastJob
from beacon.model.service import Apply, UpdatePolicy, Volume
from beacon.operations.caller import Caller
from beacon.operations.listener import Note
from beacon.operations.machine import Machine
from beacon.operations.update import RollbackRequest, UpdateRequest, rollback, update
from beacon.wire.outcome import Outcomes
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine, KilledError
from tests.fakes.stage import push, roll_out, running, service

UNIT, FILE = "beacon-web.service", "beacon-web.container"
DEFINITION = 'image = "registry.example/me/web:latest"\n'


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine on which release 1 of web is live."""
    made = FakeMachine()
    assert roll_out(made, push(made, "1")).kind is OutcomeKind.INSTALLED
    return made


@pytest.fixture
def here(machine: FakeMachine, tmp_path: Path) -> Callable[[ResolvedImage], StagedMachine]:
    """Return what makes that machine, with the image that its registry has."""

    def made(image: ResolvedImage) -> StagedMachine:
        staged = StagedMachine(machine, tmp_path, image)
        staged.paths.definitions.mkdir(parents=True, exist_ok=True)
        return staged

    return made


Here = Callable[[ResolvedImage], StagedMachine]


def ends(answer: Outcomes) -> dict[str, OutcomeKind]:
    return {one.service: one.kind for one in answer.services}


def killed(machine: FakeMachine, image: ResolvedImage) -> None:
    """Kill a rollout of *image* once its unit has been written."""
    machine.kill_at = len(machine.effects) + 8
    with pytest.raises(KilledError):
        roll_out(machine, image)
    machine.kill_at = None
    machine.locked.clear()


def test_what_is_new_is_rolled_out(machine: FakeMachine, here: Here) -> None:
    image = push(machine, "2")
    answer = update(here(image), UpdateRequest(), Recorder())
    (outcome,) = answer.services
    assert (outcome.kind, outcome.release, answer.warnings) == (OutcomeKind.UPDATED, 2, ())
    assert running(machine) == image.config.image_id
    assert machine.checks.services["web"].outcome == "updated"


def test_a_check_changes_nothing(machine: FakeMachine, here: Here) -> None:
    staged = here(push(machine, "2"))
    before = dict(machine.files)
    assert ends(update(staged, UpdateRequest(check=True), Recorder())) == {"web": OutcomeKind.AVAILABLE}
    assert (machine.files, machine.load("web").live) == (before, 1)
    assert machine.checks.services == {}


HELD = Hold("2026-11-21T00:00:00Z")


@pytest.mark.parametrize(
    ("policy", "hold", "said"),
    [
        (UpdatePolicy(), None, ("", "beacon update web")),
        (UpdatePolicy(), HELD, ("the service is held", "beacon unhold web")),
        (UpdatePolicy(min_age=3600), None, ("its image is too young until", "beacon update")),
        (UpdatePolicy(window=("03:00-04:00",)), None, ("it waits for its window", "beacon update")),
        (UpdatePolicy(apply=Apply.ASK), None, ("it waits for your word: its definition", "beacon approve")),
    ],
    ids=["nothing", "a hold", "an age", "a window", "a word"],
)
def test_a_check_says_what_an_update_would_wait_for(
    here: Here, machine: FakeMachine, policy: UpdatePolicy, hold: Hold | None, said: tuple[str, str]
) -> None:
    waits, hint = said
    roll_out(machine, push(machine, "1"), service(update=policy))
    machine.save(replace(machine.load("web"), hold=hold))
    before = machine.load("web")
    (outcome,) = update(here(push(machine, "2")), UpdateRequest(check=True), Recorder()).services
    word = "available, waits" if waits else "update available"
    assert (outcome.kind, outcome.word) == (OutcomeKind.AVAILABLE, word)
    assert outcome.detail.startswith(waits)
    assert "is live" in outcome.detail
    assert (outcome.hint or "").startswith(hint)
    assert replace(machine.load("web"), pending=None) == before, "it waits for no word yet"


def test_without_news_nothing_is_done(machine: FakeMachine, here: Here) -> None:
    staged = here(push(machine, "1"))
    machine.effects.clear()
    assert ends(update(staged, UpdateRequest(("beacon-web.service",)), Recorder())) == {
        "web": OutcomeKind.UP_TO_DATE
    }
    assert machine.effects == []


def test_what_was_interrupted_is_ended_and_not_checked_in_the_same_run(
    machine: FakeMachine, here: Here
) -> None:
    image = push(machine, "2")
    killed(machine, image)
    assert machine.load("web").rollout is not None
    answer = update(here(push(machine, "3")), UpdateRequest(), Recorder())
    assert ends(answer) == {"web": OutcomeKind.UPDATED}
    assert machine.load("web").rollout is None
    assert running(machine) == image.config.image_id


def test_what_is_down_is_started_again(machine: FakeMachine, here: Here) -> None:
    unit = machine.units[UNIT]
    unit.active = unit.sub = "failed"
    unit.last_job = LastJob("start", "failed")
    (outcome,) = update(here(push(machine, "1")), UpdateRequest(), Recorder()).services
    assert outcome.kind is OutcomeKind.STARTED
    assert machine.units[UNIT].active == "active"


def test_what_a_rollout_has_just_left_down_is_not_started(machine: FakeMachine, here: Here) -> None:
    bad = push(machine, "2", "exits")
    for image in machine.registry.values():
        image.behaviour = "exits"
    (outcome,) = update(here(bad), UpdateRequest(), Recorder()).services
    assert outcome.kind is OutcomeKind.ROLLBACK_FAILED
    assert "start limit" not in outcome.detail


def test_what_nothing_is_remembered_of_is_followed_again(machine: FakeMachine, here: Here) -> None:
    staged = here(push(machine, "1"))
    staged.definition_path("web").write_text(DEFINITION)
    machine.saved.clear()
    assert ends(update(staged, UpdateRequest(), Recorder())) == {"web": OutcomeKind.UP_TO_DATE}
    assert machine.load("web").live == 1
    assert [event.kind for event in machine.events][-1] is EventKind.TAKEN_OVER


def test_what_does_not_run_any_more_is_brought_up(machine: FakeMachine, here: Here) -> None:
    staged = here(push(machine, "1"))
    staged.definition_path("web").write_text(DEFINITION)
    machine.stop(UNIT, 1)
    machine.saved.clear()
    machine.local.clear()
    assert ends(update(staged, UpdateRequest(), Recorder())) == {"web": OutcomeKind.INSTALLED}
    assert machine.units[UNIT].active == "active"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("image = 1\n", OutcomeKind.DEFERRED, "its definition is faulty"),
        (None, OutcomeKind.HELD, "neither defined nor remembered"),
    ],
)
def test_what_cannot_be_followed_is_named(
    machine: FakeMachine, here: Here, text: str | None, kind: OutcomeKind, said: str
) -> None:
    staged = here(push(machine, "2"))
    if text is not None:
        staged.definition_path("web").write_text(text)
    machine.saved.clear()
    (outcome,) = update(staged, UpdateRequest(), Recorder()).services
    assert outcome.kind is kind
    assert said in outcome.detail


@pytest.mark.parametrize(("edited", "said"), [(False, "not applied yet"), (True, "changed by hand")])
def test_what_was_not_applied_is_held(machine: FakeMachine, here: Here, *, edited: bool, said: str) -> None:
    staged = here(push(machine, "2"))
    staged.definition_path("web").write_text(DEFINITION)
    machine.saved.clear()
    if edited:
        machine.files[FILE] = machine.files[FILE].replace("io.beacon.release=1", "io.beacon.release=one")
    else:
        machine.files.clear()
    (outcome,) = update(staged, UpdateRequest(), Recorder()).services
    assert outcome.kind is OutcomeKind.HELD
    assert said in outcome.detail


def test_definitions_that_cannot_be_read_are_warned_of_where_they_matter(
    machine: FakeMachine, here: Here
) -> None:
    staged = here(push(machine, "1"))
    staged.definition_path("other").mkdir()
    machine.saved.clear()
    (warning,) = update(staged, UpdateRequest(), Recorder()).warnings
    assert str(staged.definition_path("other")) in warning.text


def test_what_is_not_remembered_of_a_check_is_a_warning(machine: FakeMachine, here: Here) -> None:
    staged = here(push(machine, "1"))
    machine.full_disk = True
    answer = update(staged, UpdateRequest(), Recorder())
    assert ends(answer) == {"web": OutcomeKind.UP_TO_DATE}
    assert [one.text for one in answer.warnings] == [
        "what this check found is not remembered: cannot write checks.json: No space left on device"
    ]


class Stubborn(FakeMachine):
    """A machine whose engine secures no volume."""

    def secure_volume(self, name: str) -> None:
        raise MachineError(f"cannot secure {name}")


def test_a_volume_that_cannot_be_secured_is_a_warning(tmp_path: Path) -> None:
    machine, volume = Stubborn(), "f" * 64
    machine.volumes[volume] = "data"
    roll_out(machine, push(machine, "1"), service(volumes=(Volume("/data", external=volume),)))
    answer = update(StagedMachine(machine, tmp_path, push(machine, "1")), UpdateRequest(), Recorder())
    assert [one.text for one in answer.warnings] == [
        f"volumes without a name are not secured: cannot secure {volume}"
    ]


def test_a_rollback_goes_back(machine: FakeMachine, here: Here) -> None:
    staged = here(push(machine, "2"))
    update(staged, UpdateRequest(), Recorder())
    (outcome,) = rollback(staged, RollbackRequest("web"), Recorder()).services
    assert (outcome.kind, outcome.release) == (OutcomeKind.UPDATED, 1)
    assert running(machine) == push(machine, "1").config.image_id
    with pytest.raises(UsageError, match="web has no release 9"):
        rollback(staged, RollbackRequest("web", 9), Recorder())


def test_who_goes_back_hears_how_ended_what_was_interrupted(machine: FakeMachine, here: Here) -> None:
    staged = here(push(machine, "2"))
    killed(machine, push(machine, "2"))
    listener = Recorder()
    (outcome,) = rollback(staged, RollbackRequest("web"), listener).services
    assert (outcome.kind, outcome.release) == (OutcomeKind.UPDATED, 1)
    said = [one.text for one in listener.heard if isinstance(one, Note)]
    assert any(text.startswith("updated: ") for text in said)


def test_only_root_changes_the_machine_s_services(tmp_path: Path) -> None:
    user = Machine(Scope.SYSTEM, Caller(1000, {}, tmp_path, command="beacon update"))
    with pytest.raises(AccessError, match="beacon update changes"):
        update(user, UpdateRequest(), Recorder())
    with pytest.raises(AccessError, match="beacon rollback changes"):
        rollback(user, RollbackRequest("web"), Recorder())
