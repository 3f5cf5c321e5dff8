"""The decisions of a rollout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from beacon.errors import ExitStatus
from beacon.model.outcome import Outcome, OutcomeKind, exit_status
from beacon.model.release import Hold, Quarantine, ServiceState, UnderWay
from beacon.model.runtime import JobResult, UnitState
from beacon.model.service import Health, Restart, RestartPolicy, UpdatePolicy
from beacon.rollout.decisions.decide import (
    Gate,
    entry_gate,
    find_quarantine,
    health_limit,
    is_due,
    is_handled,
    is_restarted,
    is_stopped,
    judge_end,
    judge_health,
    judge_job,
    judge_probe,
    judge_settled,
    standing,
)
from beacon.rollout.decisions.down import ends_well
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import candidate, digest, push, service

UP = UnitState("beacon-web.service", "loaded", "active", "running", main_pid=7, started=1)
DOWN = replace(UP, active="failed", sub="failed", result="exit-code", exit_status=1)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "elapsed", "gate"),
    [
        pytest.param(UP, 3, Gate.PENDING, id="it runs, but not long enough"),
        pytest.param(UP, 10, Gate.PASSED, id="it ran in one piece"),
        pytest.param(DOWN, 3, Gate.FAILED, id="it went down"),
        pytest.param(replace(UP, restarts=1), 10, Gate.FAILED, id="systemd restarted it"),
        pytest.param(replace(UP, main_pid=8), 10, Gate.FAILED, id="somebody restarted it"),
        pytest.param(
            replace(UP, active="activating", sub="auto-restart"), 3, Gate.FAILED, id="it is restarting"
        ),
    ],
)
def test_settled(now: UnitState, elapsed: float, gate: Gate) -> None:
    assert judge_settled(UP, now, elapsed, 10).gate is gate


def test_a_crash_while_systemd_is_asked_is_no_restart() -> None:
    """The unit is read before its service: it is active still, and its process has ended."""
    verdict = judge_settled(UP, replace(UP, main_pid=0, result="exit-code", exit_status=1), 3, 10)
    assert (verdict.gate, verdict.reason) == (Gate.FAILED, "it exited with status 1")
    assert judge_settled(UP, replace(UP, main_pid=0), 3, 10).gate is Gate.PENDING, "a job has ended well"


@pytest.mark.parametrize(
    ("now", "handled", "stopped"),
    [
        pytest.param(replace(UP, active="inactive"), False, True, id="nothing else takes it down"),
        pytest.param(
            replace(UP, active="inactive", sub="dead-before-auto-restart"), False, False, id="for a moment"
        ),
        pytest.param(replace(UP, active="failed"), False, False, id="it failed"),
        pytest.param(replace(UP, active="failed"), True, True, id="stopped before it was up"),
        pytest.param(replace(UP, active="deactivating"), True, False, id="it ends after a restart"),
        pytest.param(replace(UP, active="activating"), True, False, id="systemd starts it again"),
    ],
)
def test_a_stop_is_told_from_a_failure(now: UnitState, handled: bool, stopped: bool) -> None:  # noqa: FBT001
    assert is_stopped(service(), now, handled=handled) is stopped


@pytest.mark.parametrize(
    ("now", "handled", "restarted"),
    [
        pytest.param(UP, False, False, id="nothing happens"),
        pytest.param(replace(UP, job=3), True, False, id="somebody acts"),
        pytest.param(replace(UP, started=2, main_pid=8), False, True, id="somebody restarted it"),
        pytest.param(replace(UP, started=2, main_pid=8, restarts=1), False, False, id="systemd did"),
        pytest.param(replace(UP, active="activating", job=3, restarts=1), False, False, id="systemd does"),
    ],
)
def test_a_restart_by_somebody_is_told_from_one_after_a_crash(
    now: UnitState,
    handled: bool,  # noqa: FBT001
    restarted: bool,  # noqa: FBT001
) -> None:
    assert (is_handled(UP, now), is_restarted(UP, now)) == (handled, restarted)


@pytest.mark.parametrize(
    ("result", "unit", "reason"),
    [
        (JobResult.FAILED, DOWN, "it exited with status 1"),
        (JobResult.FAILED, replace(DOWN, result="timeout", exit_status=0), "it was not ready in time"),
        (JobResult.FAILED, replace(DOWN, result="start-limit-hit"), "it failed too often in a row"),
        (JobResult.DEPENDENCY, UP, "a unit that it requires did not start"),
        (JobResult.GAVE_UP, UP, "it was not up after 60 s"),
        (JobResult.DONE, replace(UP, active="inactive", sub="dead"), "it is inactive (dead)"),
    ],
)
def test_a_failed_job_says_why(result: JobResult, unit: UnitState, reason: str) -> None:
    verdict = judge_job(result, unit, 60)
    assert (verdict.gate, verdict.reason) == (Gate.FAILED, reason)


def test_a_job_stands_once_it_has_ended() -> None:
    job = service(restart=Restart(RestartPolicy.NO))
    ending, ended = replace(UP, active="deactivating"), replace(UP, active="inactive")
    assert [ends_well(job, unit) for unit in (UP, ending, ended, DOWN)] == [False, True, True, False]
    assert not ends_well(service(), ended)
    assert ends_well(job, replace(ended, started=0, ended=5)), "it ended while it was still starting"
    assert not ends_well(job, replace(ended, started=0)), "it has never run"
    assert (judge_end(ending).gate, judge_end(ended).gate) == (Gate.PENDING, Gate.PASSED)


def test_a_started_unit_goes_on_to_the_gate() -> None:
    assert judge_job(JobResult.DONE, UP, 60).gate is Gate.PENDING


@pytest.mark.parametrize(
    ("health", "elapsed", "gate"),
    [
        ("healthy", 0, Gate.PASSED),
        ("starting", 5, Gate.PENDING),
        ("starting", 60, Gate.FAILED),
        ("unhealthy", 5, Gate.FAILED),
    ],
)
def test_health(health: str, elapsed: float, gate: Gate) -> None:
    assert judge_health(health, UP, elapsed, 60).gate is gate


def test_a_probe_may_fail_until_its_limit() -> None:
    assert judge_probe("no answer", UP, 59, 60).gate is Gate.PENDING
    assert judge_probe("no answer", UP, 60, 60).gate is Gate.FAILED
    assert judge_probe(None, UP, 60, 60).gate is Gate.PASSED
    assert judge_probe(None, DOWN, 1, 60).gate is Gate.FAILED


def test_the_limit_of_a_health_check_counts_all_of_its_tries() -> None:
    checked = service(health=Health(tcp=1, interval=2, timeout=3, retries=4, start_period=10))
    assert health_limit(checked) == 10 + 4 * (2 + 3)


@pytest.mark.parametrize(
    ("last", "every", "due"),
    [
        pytest.param(None, 3600, True, id="never checked"),
        pytest.param(NOON - timedelta(minutes=30), 3600, False, id="too early"),
        pytest.param(NOON - timedelta(minutes=58), 3600, True, id="a timer fires a little early"),
        pytest.param(NOON, 0, True, id="every run"),
        pytest.param(NOON + timedelta(days=1), 3600, True, id="the clock was wrong"),
    ],
)
def test_when_a_check_is_due(last: datetime | None, every: float, due: bool) -> None:  # noqa: FBT001
    assert is_due(last, NOON, every) is due


def test_a_quarantine_counts_for_its_definition_only() -> None:
    entry = Quarantine(digest("m"), digest("i"), "print", "2026-11-21T12:00:00Z", "it exited")
    state = ServiceState("web", quarantine=(entry,))
    assert find_quarantine(state, digest("m"), "print", NOON) == entry
    assert find_quarantine(state, digest("i"), "print", NOON) == entry
    assert find_quarantine(state, digest("m"), "another", NOON) is None
    assert find_quarantine(state, digest("x"), "print", NOON) is None
    tomorrow = ServiceState("web", quarantine=(replace(entry, until="2026-11-22T12:00:00Z"),))
    assert find_quarantine(tomorrow, digest("m"), "print", NOON) is not None
    assert find_quarantine(tomorrow, digest("m"), "print", NOON + timedelta(days=1)) is None


def test_what_stands_in_the_way_of_an_update() -> None:
    live = candidate(FakeMachine(), push(FakeMachine(), "1"))
    state = ServiceState("web")
    assert standing(live, state, UP) is None
    assert standing(live, state, DOWN) is None, "a mended image repairs a failed service"
    assert standing(live, state, replace(UP, active="inactive", sub="dead")) is None, "for its next start"
    stopped_by_a_rollout = standing(
        live,
        replace(state, rollout=UnderWay(2)),
        replace(UP, active="inactive", sub="dead"),
    )
    assert stopped_by_a_rollout is not None
    assert stopped_by_a_rollout.kind is OutcomeKind.BUSY
    held = standing(live, replace(state, hold=Hold("2026-11-20T00:00:00Z")), UP)
    assert held is not None
    assert held.kind is OutcomeKind.HELD
    away = standing(live, state, UnitState("beacon-web.service"))
    assert away is not None
    assert away.kind is OutcomeKind.HELD


@pytest.mark.parametrize(
    ("policy", "age", "deferred"),
    [
        pytest.param(UpdatePolicy(), 0, False, id="no conditions"),
        pytest.param(UpdatePolicy(min_age=3600), 60, True, id="too young"),
        pytest.param(UpdatePolicy(min_age=3600), 3601, False, id="old enough"),
        pytest.param(UpdatePolicy(window=("02:00-05:00",)), 0, True, id="outside of its window"),
        pytest.param(UpdatePolicy(window=("11:00-13:00",)), 0, False, id="within its window"),
    ],
)
def test_when_a_rollout_may_begin(policy: UpdatePolicy, age: float, deferred: bool) -> None:  # noqa: FBT001
    outcome = entry_gate(service(update=policy), NOON - timedelta(seconds=age), NOON)
    assert (outcome is not None) is deferred
    assert outcome is None or outcome.kind is OutcomeKind.DEFERRED


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ([], ExitStatus.OK),
        ([OutcomeKind.UPDATED, OutcomeKind.HELD, OutcomeKind.QUARANTINED, OutcomeKind.BUSY], ExitStatus.OK),
        ([OutcomeKind.UPDATED, OutcomeKind.DEFERRED], ExitStatus.TEMPFAIL),
        ([OutcomeKind.DEFERRED, OutcomeKind.UNCHECKED], ExitStatus.UNAVAILABLE),
        ([OutcomeKind.UNCHECKED, OutcomeKind.FAILED], ExitStatus.FAILURE),
        ([OutcomeKind.FAILED, OutcomeKind.ROLLED_BACK], ExitStatus.ROLLED_BACK),
        ([OutcomeKind.ROLLED_BACK, OutcomeKind.ROLLBACK_FAILED], ExitStatus.ROLLBACK_FAILED),
    ],
)
def test_the_worst_outcome_is_the_exit_status(kinds: list[OutcomeKind], status: ExitStatus) -> None:
    assert exit_status([Outcome("web", kind) for kind in kinds]) is status
