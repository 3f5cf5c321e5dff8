"""Rollouts as they are written down: their lists of steps, where each goes on, and those of older Beacons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.outcome import OutcomeKind
from beacon.model.release import UnderWay
from beacon.model.rollout.former import FormerRollout
from beacon.model.rollout.record import (
    Cause,
    Decision,
    RolloutFacts,
    StepKind,
    VolumeCopy,
    begun,
    resumed,
    turned_back,
)
from beacon.rollout.driving.resuming import resume
from beacon.rollout.steps.table import STEPS
from beacon.state.store import StateStore
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import is_at_rest, push, roll_out, running, tools

STATES = Path(__file__).parent / "states-of-version-1"
COPY = (VolumeCopy("old", "new"),)
PLAIN = RolloutFacts("web", 2, 1, "2026-11-29T12:00:00Z", was="active", engine="podman")
FACTS = st.builds(
    RolloutFacts,
    service=st.just("web"),
    release=st.just(2),
    previous=st.sampled_from([None, 1, 2]),
    started=st.just("2026-11-29T12:00:00Z"),
    dependents=st.sampled_from([(), ("gateway.service",)]),
    start=st.booleans(),
    was=st.sampled_from(["active", "inactive", "failed", "activating"]),
    former=st.sampled_from(["", "docker"]),
    copies=st.sampled_from([(), COPY]),
    targets=st.sampled_from([(), ("new",)]),
    beside=st.sampled_from([{}, {"beacon-web.next.service": "text"}]),
    wait=st.booleans(),
    hook=st.booleans(),
)


def words(steps: tuple[StepKind, ...]) -> str:
    return " ".join(steps)


@pytest.mark.parametrize(
    ("facts", "steps"),
    [
        pytest.param(PLAIN, "files restart gate", id="plain"),
        pytest.param(replace(PLAIN, start=False), "files", id="not to run"),
        pytest.param(replace(PLAIN, hook=True), "hook files restart gate", id="hook"),
        pytest.param(replace(PLAIN, copies=COPY), "stop copy files restart gate", id="copies"),
        pytest.param(replace(PLAIN, former="docker"), "stop copy files restart gate", id="move"),
        pytest.param(replace(PLAIN, wait=True), "files wait restart gate return", id="wait"),
        pytest.param(replace(PLAIN, beside={"one": ""}), "beside ahead files restart gate return", id="swap"),
        pytest.param(replace(PLAIN, dependents=("one",)), "files restart gate dependents", id="dependents"),
    ],
)
def test_the_way_forth(facts: RolloutFacts, steps: str) -> None:
    assert words(begun(facts, "boot").steps) == steps


@pytest.mark.parametrize(
    ("facts", "at", "cause", "steps"),
    [
        (PLAIN, "gate", Cause.IMAGE, "former-files former-start"),
        (PLAIN, "gate", Cause.STOPPED, "former-files former-stop"),
        (replace(PLAIN, was="inactive"), "gate", Cause.IMAGE, "former-files former-stop"),
        (replace(PLAIN, start=False, was="inactive"), "files", Cause.MACHINE, "former-files"),
        (replace(PLAIN, hook=True), "hook", Cause.HOOK, "former-start"),
        (replace(PLAIN, beside={"one": ""}), "beside", Cause.IMAGE, "former-start return"),
        (replace(PLAIN, copies=COPY, targets=("new",)), "stop", Cause.MACHINE, "former-start drop-copies"),
        (replace(PLAIN, copies=COPY, targets=("new",)), "copy", Cause.MACHINE, "former-start drop-copies"),
        (replace(PLAIN, dependents=("one",)), "gate", Cause.IMAGE, "former-files former-start dependents"),
        (replace(PLAIN, dependents=("one",)), "gate", Cause.STOPPED, "former-files former-stop"),
        (replace(PLAIN, previous=None), "gate", Cause.IMAGE, ""),
        (replace(PLAIN, previous=2, wait=True), "gate", Cause.IMAGE, "return"),
    ],
)
def test_the_way_back(facts: RolloutFacts, at: str, cause: Cause, steps: str) -> None:
    rollout = begun(facts, "boot")
    back = turned_back(replace(rollout, index=rollout.steps.index(StepKind(at))), cause, "a reason")
    assert words(back.steps) == steps
    assert (back.decision, back.cause, back.reason, back.turned) == (Decision.BACK, cause, "a reason", at)


@given(FACTS, st.sampled_from(Cause), st.integers(0, 12))
def test_each_list_is_whole_wherever_it_turns(facts: RolloutFacts, cause: Cause, index: int) -> None:
    forth = begun(facts, "boot")
    assert len(set(forth.steps)) == len(forth.steps)
    assert set(forth.steps) <= set(STEPS)
    assert (StepKind.RESTART in forth.steps) == (StepKind.GATE in forth.steps) == facts.start
    at = replace(forth, index=min(index, len(forth.steps) - 1))
    back = turned_back(at, cause, "")
    assert set(back.steps) <= set(STEPS)
    if facts.has_way_back and at.has_come_to(StepKind.FILES):
        assert back.steps[0] is StepKind.FORMER_FILES
    if facts.has_way_back and facts.was_up and cause is not Cause.STOPPED:
        assert StepKind.FORMER_START in back.steps
    assert (StepKind.RETURN in back.steps) == bool(facts.beside or facts.wait)
    assert resumed(back, "another").index == 0


@given(FACTS, st.integers(0, 12))
def test_another_boot_goes_on_from_the_files(facts: RolloutFacts, index: int) -> None:
    rollout = begun(facts, "boot")
    rollout = replace(rollout, index=min(index, len(rollout.steps)))
    assert resumed(rollout, "boot") == rollout
    after = resumed(rollout, "another")
    assert after.boot == "another"
    expected = {
        StepKind.HOOK: StepKind.HOOK,
        StepKind.STOP: StepKind.STOP,
        StepKind.COPY: StepKind.STOP,
    }
    assert after.step is (expected.get(rollout.step, StepKind.FILES) if rollout.step else StepKind.FILES)


def test_a_record_is_kept_as_it_is(tmp_path: Path) -> None:
    store = StateStore(tmp_path, tmp_path / "run")
    rollout = turned_back(begun(replace(PLAIN, copies=COPY, before={"a": None}), "boot"), Cause.OWNER, "why")
    store.save_rollout(rollout)
    assert store.rollout("web") == rollout
    assert (tmp_path / "rollouts/web.json").stat().st_mode & 0o777 == 0o600
    store.remove_rollout("web")
    assert store.rollout("web") is None


def test_a_record_of_a_newer_beacon_is_refused(tmp_path: Path) -> None:
    store = StateStore(tmp_path, tmp_path / "run")
    store.save_rollout(replace(begun(PLAIN, "boot"), version=99))
    with pytest.raises(MachineError, match="is of a newer Beacon: version 99"):
        store.rollout("web")


def test_a_rollout_whose_record_is_lost_is_ended_and_the_service_left_as_it_is() -> None:
    machine = FakeMachine()
    one = push(machine, "1")
    roll_out(machine, one)
    machine.saved["web"] = replace(machine.load("web"), rollout=UnderWay(2))
    (outcome,) = resume(tools(machine), ["web"])
    assert (outcome.kind, outcome.hint and "beacon apply web" in outcome.hint) == (OutcomeKind.FAILED, True)
    assert is_at_rest(machine.load("web"))
    assert running(machine) == one.config.image_id


PHASES = {
    "pulling": "1",
    "copying": "2",
    "trying": "2",
    "switching": "2",
    "restarting": "2",
    "gating": "2",
    "restoring": "1",
}
"""Phase → the version that runs in the end."""


def of_version_1(phase: str, folder: Path) -> tuple[FakeMachine, StateStore]:
    """Return a machine on which Beacon of before was killed in *phase*, and its store."""
    machine = FakeMachine(proxied={"web"} if phase == "trying" else set())
    images = {"1": push(machine, "1"), "2": push(machine, "2")}
    roll_out(machine, images["1"])
    text = (STATES / f"{phase}.json").read_text()
    (folder / "services").mkdir()
    (folder / "services/web.json").write_text(text)
    store = StateStore(folder, folder / "run")
    state, former = store.load("web"), store.rollout("web")
    assert isinstance(former, FormerRollout)
    machine.saved["web"], machine.rollouts["web"] = state, former
    files = {name: text for name, text in {**former.before}.items() if text is not None}
    machine.files |= files
    if phase in {"restarting", "gating", "restoring"}:
        machine.files |= {name: text for name, text in former.after.items() if text is not None}
    machine.reload()
    if phase != "pulling":
        machine.pull(state.releases[1].pinned, lambda _line: None)
    if phase == "copying":
        machine.volumes[json.loads(text)["releases"][0]["service"]["volumes"][0]["external"]] = "precious"
    machine.restart("beacon-web.service", 90)
    machine.requires["beacon-web.service"] = former.dependents
    for unit in former.dependents:
        machine.start(unit, 1)
    return machine, store


@pytest.mark.parametrize("phase", sorted(PHASES))
def test_what_an_older_beacon_was_at_is_ended(phase: str, tmp_path: Path) -> None:
    machine, _ = of_version_1(phase, tmp_path)
    dependents = machine.requires.get("beacon-web.service", ())
    version = PHASES[phase]
    (outcome,) = resume(tools(machine), ["web"])
    assert is_at_rest(machine.load("web")), outcome
    assert running(machine) == push(machine, version).config.image_id, outcome
    assert all(unit.active == "active" for unit in machine.states(dependents).values())


@pytest.mark.parametrize("phase", sorted(PHASES))
def test_a_state_of_an_older_beacon_is_written_in_the_form_of_today(phase: str, tmp_path: Path) -> None:
    _, store = of_version_1(phase, tmp_path)
    store.save(store.load("web"))
    saved = json.loads((tmp_path / "services/web.json").read_text())
    assert (saved["version"], saved["rollout"]) == (2, {"release": 2})
