"""Whose fault it is, for whatever systemd and the engine say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from beacon.errors import BeaconError, BusyError, CanceledError, MachineError, RegistryError
from beacon.model.runtime import JobResult, UnitState
from beacon.rollout.decisions.blame import Blame, find_blame

RESULTS = (  # systemd.service(5), and what a newer systemd may say
    "success", "protocol", "timeout", "exit-code", "signal", "core-dump", "watchdog", "exec-condition",
    "oom-kill", "start-limit-hit", "resources", "", "news",
)  # fmt: skip
STATES = (
    "active",
    "reloading",
    "refreshing",
    "inactive",
    "failed",
    "activating",
    "deactivating",
    "maintenance",
)
UNITS = st.builds(
    UnitState,
    name=st.just("beacon-web.service"),
    load=st.sampled_from(("loaded", "not-found", "bad-setting", "error", "masked")),
    active=st.sampled_from(STATES),
    sub=st.sampled_from(("running", "dead", "failed", "auto-restart", "start", "stop-sigterm")),
    result=st.sampled_from(RESULTS),
    restarts=st.integers(0, 3),
    exit_status=st.integers(0, 255),
    job=st.integers(0, 1),
)
ERRORS = st.sampled_from((BeaconError, BusyError, CanceledError, MachineError, RegistryError)).map(
    lambda kind: kind("the engine does not answer")
)
CAUSES = st.none() | st.sampled_from(JobResult) | ERRORS
OF_THE_UNIT = (None, JobResult.DONE, JobResult.FAILED)
OF_THE_IMAGE = {*OF_THE_UNIT, JobResult.HOPELESS, JobResult.GAVE_UP}


@given(CAUSES, UNITS, st.floats(0, 1e6), st.lists(st.just("beacon-db.service"), max_size=2))
def test_there_is_always_somebody_to_blame_and_a_reason(
    cause: JobResult | BeaconError | None, unit: UnitState, limit: float, lacking: list[str]
) -> None:
    failure = find_blame(cause, unit, limit, lacking)
    assert failure.reason
    if failure.blame is Blame.IMAGE:
        assert not isinstance(cause, BeaconError)
        assert cause in OF_THE_IMAGE
    if failure.blame is Blame.OWNER:
        assert cause is JobResult.CANCELED or isinstance(cause, CanceledError)


@given(UNITS)
def test_who_needs_what_failed_names_it(unit: UnitState) -> None:
    failure = find_blame(JobResult.DEPENDENCY, unit, lacking=("beacon-db.service",))
    assert failure.blame is Blame.MACHINE
    assert "beacon-db.service" in failure.reason


@given(UNITS, st.sampled_from((125, 126)), st.sampled_from(OF_THE_UNIT))
def test_the_engine_s_own_failures_are_not_the_image_s(
    unit: UnitState, status: int, cause: JobResult | None
) -> None:
    failure = find_blame(cause, replace(unit, result="exit-code", exit_status=status))
    assert (failure.blame, failure.certain) == (Blame.MACHINE, False)


@given(UNITS, st.sampled_from(("timeout", "oom-kill", "signal", "start-limit-hit", "news")))
def test_what_a_busy_machine_may_do_is_not_certain(unit: UnitState, result: str) -> None:
    failure = find_blame(JobResult.FAILED, replace(unit, result=result, exit_status=0))
    assert (failure.blame, failure.certain) == (Blame.IMAGE, False)


@given(UNITS, st.integers(1, 124) | st.sampled_from((127, 255)), st.sampled_from(OF_THE_UNIT))
def test_what_exits_by_itself_has_the_blame(unit: UnitState, status: int, cause: JobResult | None) -> None:
    failure = find_blame(cause, replace(unit, result="exit-code", exit_status=status))
    assert (failure.blame, failure.certain) == (Blame.IMAGE, True)


@given(UNITS, st.integers(1, 3600))
def test_a_start_that_waits_for_others_is_not_slow(unit: UnitState, limit: int) -> None:
    queued = replace(unit, active="inactive", job=7)
    assert find_blame(JobResult.GAVE_UP, queued, limit).blame is Blame.MACHINE
    coming = find_blame(JobResult.GAVE_UP, replace(unit, active="activating"), limit)
    assert (coming.blame, coming.certain) == (Blame.IMAGE, False)


@pytest.mark.parametrize("error", [MachineError("D-Bus does not answer"), RegistryError("it refuses")])
def test_an_error_is_the_machine_s(error: BeaconError) -> None:
    failure = find_blame(error)
    assert (failure.reason, failure.blame) == (error.message, Blame.MACHINE)
