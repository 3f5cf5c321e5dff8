"""Why a unit is down, as one pure function; docs/states.md has the table."""

from __future__ import annotations

from enum import Enum

from beacon.model.runtime import JobResult, LastJob, UnitState
from beacon.model.service import RestartPolicy, Service

_SLACK = 1_000_000
"""Microseconds that may lie between the ends of two units of which one took the other down."""


class Down(Enum):
    """Why a unit is down; the value says so in words."""

    OWNER = "stopped by its owner"
    ALONG = "stopped along with a unit that it requires"
    DEPENDENCY = "a unit that it requires had failed"
    ENDED = "it ended, and is not to be started again"
    LIMIT = "it had failed more often than its start limit allows"
    CRASH = "it failed, and is not to be started again"
    NEVER = "not started in this boot"

    @property
    def is_to_be_up(self) -> bool:
        """Whether nobody wanted it down: it is started again, once what it requires is up."""
        return self in {Down.ALONG, Down.DEPENDENCY, Down.LIMIT}


def why_down(service: Service, unit: UnitState, last: LastJob | None, *, along: bool) -> Down:
    """Return why *unit*, which is down, is so.

    *last* is the job of it that ended last, where that is known; *along* says whether a unit that it requires
    went down at the same moment.
    """
    if last is not None and last.kind == "stop":
        return Down.ALONG if along else Down.OWNER
    if last is not None and last.result == JobResult.DEPENDENCY:
        return Down.DEPENDENCY
    policy = service.restart.policy
    if unit.active == "failed":
        return Down.CRASH if policy.is_never else Down.LIMIT
    if was_never_up(unit):
        return Down.NEVER
    return Down.OWNER if policy is RestartPolicy.ALWAYS else Down.ENDED


def was_never_up(unit: UnitState) -> bool:
    """Say whether *unit* has not been up in this boot."""
    return unit.active == "inactive" and not unit.started


def went_along(unit: UnitState, other: UnitState) -> bool:
    """Say whether *unit* went down when *other* did, which it requires.

    A stop of *other* waits for that of *unit*; a failure of *other* comes first.
    """
    return bool(unit.left and other.left) and unit.left - _SLACK <= other.left <= unit.ended + _SLACK


def went_later(unit: UnitState, other: UnitState) -> bool:
    """Say whether *unit*, which is down, went so while *other* was up: its owner stopped it then."""
    return unit.is_down and unit.left > other.ended + _SLACK


def is_started_since(before: UnitState, now: UnitState) -> bool:
    """Say whether somebody started the unit, which was down, since *before*; systemd counts its own starts.

    A start of what was up all the time is none.
    """
    if now.sub.startswith("auto-restart"):  # it has crashed, which counts once it is started
        return False
    was_down = before.is_down or now.ended != before.ended
    return now.is_up and was_down and now.restarts <= before.restarts


def ends_well(service: Service, unit: UnitState) -> bool:
    """Say whether *unit* is done, or nearly so, and is not to be started again: a job of its owner's.

    One that is started again where it fails has ended with status 0: others may be those of a stop.
    """
    # One that ends while it is still starting was never active, and so is without a time of that.
    began = unit.started != 0 or unit.ended != 0 or unit.active == "deactivating"
    ends = unit.active in {"deactivating", "inactive"} and not unit.job and began
    if service.restart.policy is RestartPolicy.ON_FAILURE and unit.exit_status:
        return False
    ending = {RestartPolicy.NO, RestartPolicy.ON_FAILURE}
    return service.restart.policy in ending and ends and unit.result == "success"
