"""The jobs of a service: how each ended last, and when it runs next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from beacon.formats.moments import stamp
from beacon.model.release import Release
from beacon.model.runtime import UnitState
from beacon.model.unit import job_timer, job_unit
from beacon.rollout.ports import Systemd
from beacon.wire.status import JobStatus


class Timers(Systemd, Protocol):
    """The manager, which knows when timers elapse."""

    def next_elapse(self, timer: str) -> int:
        """Return that in microseconds since 1970; 0 if it is not known."""


def job_statuses(systemd: Timers, live: Release) -> Iterator[JobStatus]:
    """Yield how the jobs of the release *live* are."""
    name = live.service.name
    units = systemd.states([job_unit(name, job.name) for job in live.service.jobs])
    for job in live.service.jobs:
        unit = units[job_unit(name, job.name)]
        state, reason = _state(unit)
        yield JobStatus(
            name=job.name,
            unit=unit.name,
            schedule=job.schedule,
            state=state,
            reason=reason,
            ended=_moment(unit.since),
            next_run=_moment(systemd.next_elapse(job_timer(name, job.name))),
        )


def _state(unit: UnitState) -> tuple[str, str | None]:
    if unit.is_up:
        return "running", None
    if unit.active == "failed" or unit.result != "success":
        failed = f"exit status {unit.exit_status}" if unit.result == "exit-code" else unit.result
        return "failed", failed
    return ("done" if unit.since else "waiting"), None


def _moment(microseconds: int) -> str | None:
    return stamp(datetime.fromtimestamp(microseconds / 1e6, UTC)) if microseconds else None
