"""Whose fault it is that a release is not healthy, as one pure function; docs/states.md has the table."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from beacon.errors import BeaconError, CanceledError
from beacon.model.runtime import JobResult, UnitState


class Blame(StrEnum):
    """Whose fault a failure is; only an image's is quarantined."""

    IMAGE = "image"
    OWNER = "owner"
    """Who stopped or canceled it."""
    MACHINE = "machine"
    """The machine, its engine, or another unit, which the reason names."""


class Failure(Struct, frozen=True):
    """Why a release is not healthy, in words, and whose fault that is."""

    reason: str
    blame: Blame
    certain: bool = True
    """Whether it can hardly be another's: what took too long may do so on a busy machine only."""


_UNKNOWN = UnitState("")


def find_blame(
    cause: JobResult | BeaconError | None,
    unit: UnitState = _UNKNOWN,
    limit: float = 0.0,
    lacking: Sequence[str] = (),
) -> Failure:
    """Return whose fault it is that *unit* is not healthy.

    *cause* is the result of its start, what hindered that, or None for a unit that was up before. *limit*
    is how many seconds Beacon gave the start; *lacking* are required units that are down.
    """
    if isinstance(cause, BeaconError):
        return Failure(cause.message, Blame.OWNER if isinstance(cause, CanceledError) else Blame.MACHINE)
    if cause is None or cause in {JobResult.DONE, JobResult.FAILED}:
        return _blame_unit(unit)
    if cause is JobResult.HOPELESS:
        return Failure("its health check fails", Blame.IMAGE)
    if cause is JobResult.GAVE_UP:
        return _blame_slowness(unit, limit)
    reason = _JOBS.get(cause, f"systemd did not run its job ({cause})")
    if cause is JobResult.DEPENDENCY and lacking:
        reason = f"{', '.join(lacking)}, which it requires, did not start"
    return Failure(reason, Blame.OWNER if cause is JobResult.CANCELED else Blame.MACHINE)


_JOBS = {
    JobResult.CANCELED: "the start was canceled by somebody else",
    JobResult.TIMEOUT: "its job waited for longer than it may",
    JobResult.DEPENDENCY: "a unit that it requires did not start",
    JobResult.FROZEN: "its unit is frozen: systemctl thaw lets it go on",
    JobResult.CONCURRENCY: "its slice has as many units as it may have",
    JobResult.REFUSED: "systemd has no such unit; beacon render --check says why",
}
"""What kept a job from being run, and says nothing of the release."""


def _blame_slowness(unit: UnitState, limit: float) -> Failure:
    if unit.job and not unit.is_up:
        return Failure(f"its start had to wait for another job for more than {limit:.0f} s", Blame.MACHINE)
    return Failure(f"it was not up after {limit:.0f} s", Blame.IMAGE, certain=False)


def _blame_unit(unit: UnitState) -> Failure:
    """Blame by Result= and ExecMainStatus= of the unit (systemd.service(5), org.freedesktop.systemd1(5))."""
    if unit.result in _RESULTS:
        return _RESULTS[unit.result]
    if unit.exit_status and unit.result not in {"signal", "core-dump"}:
        return _blame_status(unit.exit_status)
    if unit.result not in {"success", ""}:
        return Failure(f"it failed ({unit.result})", Blame.IMAGE, certain=unit.result in _ITS_OWN)
    return Failure(f"it is {unit.active} ({unit.sub})", Blame.IMAGE, certain=not unit.is_up)


_RESULTS = {
    "start-limit-hit": Failure("it failed too often in a row", Blame.IMAGE, certain=False),
    "timeout": Failure("it was not ready in time", Blame.IMAGE, certain=False),
    "resources": Failure("systemd lacked what it takes to start it", Blame.MACHINE),
    "exec-condition": Failure("a condition of its unit does not hold", Blame.MACHINE),
}

_ITS_OWN = {"exit-code", "core-dump"}
"""Ends that nobody else brings about, as a signal or a lack of memory may be."""


def _blame_status(status: int) -> Failure:
    who = "the engine" if status in _ENGINE else "systemd" if status in _SYSTEMD else None
    if who is None:
        return Failure(f"it exited with status {status}", Blame.IMAGE)
    return Failure(f"{who} could not run it (status {status})", Blame.MACHINE, certain=False)


_ENGINE = {125, 126}
"""podman-run(1), docker-run(1): the engine's own failure; what it was to run cannot be run."""

_SYSTEMD = range(200, 244)
"""systemd.exec(5), "Process Exit Codes": what keeps systemd from running a command."""
