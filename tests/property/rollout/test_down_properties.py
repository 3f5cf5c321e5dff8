"""Why a unit is down, for whatever systemd says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beacon.model.runtime import JobResult, LastJob, UnitState
from beacon.model.service import Restart, RestartPolicy
from beacon.rollout.decisions.down import Down, ends_well, went_along, why_down
from tests.fakes.stage import service

UNITS = st.builds(
    UnitState,
    name=st.just("beacon-web.service"),
    load=st.just("loaded"),
    active=st.sampled_from(("inactive", "failed", "deactivating")),
    sub=st.sampled_from(("dead", "failed")),
    result=st.sampled_from(("success", "exit-code", "signal", "timeout", "start-limit-hit")),
    started=st.integers(0, 1),
    left=st.integers(0, 10**7),
    ended=st.integers(0, 10**7),
    exit_status=st.integers(0, 255),
)
KINDS = ("start", "stop", "restart", "try-restart", "nop", "")
LAST = st.none() | st.builds(LastJob, st.sampled_from(KINDS), st.sampled_from([*JobResult, "news"]))
POLICIES = st.sampled_from(RestartPolicy)


@given(POLICIES, UNITS, LAST, st.booleans())
def test_there_is_one_reason_and_it_fits(
    policy: RestartPolicy,
    unit: UnitState,
    last: LastJob | None,
    along: bool,  # noqa: FBT001
) -> None:
    why = why_down(service(restart=Restart(policy)), unit, last, along=along)
    stopped = last is not None and last.kind == "stop"
    lacked = last is not None and not stopped and last.result == "dependency"
    assert (why is Down.ALONG) == (stopped and along)
    assert (why is Down.DEPENDENCY) == lacked
    if stopped:
        assert why in {Down.ALONG, Down.OWNER}
    elif not lacked:
        assert (why in {Down.CRASH, Down.LIMIT}) == (unit.active == "failed")
    if policy is RestartPolicy.NO:
        assert why is not Down.LIMIT
    if why.is_to_be_up:
        assert lacked or (stopped and along) or unit.active == "failed"


@given(UNITS, UNITS)
def test_what_goes_down_along_does_so_at_the_same_moment(unit: UnitState, other: UnitState) -> None:
    if went_along(unit, other):
        assert unit.left - 10**6 <= other.left <= unit.ended + 10**6
    assert not went_along(UnitState(""), other)


@given(POLICIES, UNITS)
def test_only_a_job_ends_well(policy: RestartPolicy, unit: UnitState) -> None:
    if ends_well(service(restart=Restart(policy)), unit):
        assert policy in {RestartPolicy.NO, RestartPolicy.ON_FAILURE}
        assert (unit.result, unit.active != "failed") == ("success", True)
        assert policy is RestartPolicy.NO or unit.exit_status == 0
        assert unit.started or unit.ended or unit.active == "deactivating"
