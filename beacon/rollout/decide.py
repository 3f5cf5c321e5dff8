"""The decisions of a rollout, as pure functions: may it begin, does the release stand, who goes first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from msgspec import Struct

from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest
from beacon.model.release import Quarantine, Release, ServiceState
from beacon.model.runtime import JobResult, LastJob, UnitState
from beacon.model.service import RestartPolicy, Service
from beacon.model.window import Window

PROBE_INTERVAL = 1.0
_DEFAULT_INTERVAL = 30.0  # podman-run(1): --health-interval, --health-timeout and --health-retries
_DEFAULT_TIMEOUT = 30.0
_DEFAULT_RETRIES = 3


class Gate(Enum):
    """What the health gate says of a release at this moment."""

    PENDING = auto()
    PASSED = auto()
    FAILED = auto()


class Down(Enum):
    """Why a unit is down, as docs/states.md tells it."""

    STOPPED = auto()
    """Its owner stopped it, or never started it, or nobody knows."""
    ENDED = auto()
    """It ended, and is not to be started again."""
    GAVE_UP = auto()
    """It failed more often than its start limit allows."""
    DEPENDENCY = auto()
    """It was never started in this boot, since a unit that it requires had failed."""


class Verdict(Struct, frozen=True):
    """The health gate's answer, with the reason for a failure."""

    gate: Gate
    reason: str = ""
    stopped: bool = False
    """Whether the release only does not stand since somebody stopped it."""
    hindered: bool = False
    """Whether the host refused something: nothing is known against the release."""


PENDING = Verdict(Gate.PENDING)
PASSED = Verdict(Gate.PASSED)


def failed(reason: str) -> Verdict:
    """Return the verdict that a release does not stand."""
    return Verdict(Gate.FAILED, reason)


STOPPED = Verdict(Gate.FAILED, "it was stopped before it could prove itself", stopped=True)


def find_quarantine(state: ServiceState, digest: Digest, fingerprint: str) -> Quarantine | None:
    """Return why *digest* (a tag's or a manifest's) is not tried with that definition, or None."""
    return next(
        (
            entry
            for entry in state.quarantine
            if digest in {entry.digest, entry.tag_digest} and entry.fingerprint == fingerprint
        ),
        None,
    )


def is_due(last: datetime | None, now: datetime, every: float) -> bool:
    """Say whether a service that is checked at most every *every* seconds is to be checked now.

    A tenth is forgiven, so that a timer that fires a little early does not miss every other turn.
    """
    return last is None or now < last or (now - last) >= timedelta(seconds=every * 0.9)


def standing(live: Release, state: ServiceState, unit: UnitState) -> Outcome | None:
    """Return why the service is not updated whatever the registry says, or None."""
    name = state.name
    if live.service.update.follow == "pinned" or live.service.image.digest is not None:
        return Outcome(name, OutcomeKind.PINNED, f"stays at {live.pinned}", release=live.number)
    if state.rollout is not None:
        # By another process: that the unit is down for a moment says nothing of what the owner wants.
        return Outcome(name, OutcomeKind.BUSY, "another beacon is rolling it out", release=live.number)
    if state.hold is not None:
        why = f": {state.hold.reason}" if state.hold.reason else ""
        return Outcome(name, OutcomeKind.HELD, f"held since {state.hold.since}{why}", f"beacon unhold {name}")
    if unit.load == "not-found":
        return Outcome(name, OutcomeKind.HELD, "its unit is not installed", f"beacon apply {name}")
    if unit.is_stopped:
        return Outcome(name, OutcomeKind.STOPPED, "stopped by its owner", f"beacon start {name}")
    return None


def why_down(service: Service, unit: UnitState, last: LastJob | None) -> Down:
    """Return why *unit*, which is down, is so: *last* tells a stop that failed from a failure."""
    if unit.active != "failed":
        return Down.DEPENDENCY if was_never_up(unit) and _lacked_a_unit(last) else Down.STOPPED
    if last is not None and last.kind == "stop":
        return Down.STOPPED
    if _lacked_a_unit(last):
        return Down.DEPENDENCY
    return Down.ENDED if service.restart.policy is RestartPolicy.NO else Down.GAVE_UP


def was_never_up(unit: UnitState) -> bool:
    """Say whether *unit* has not been up in this boot."""
    return unit.active == "inactive" and not unit.started


def _lacked_a_unit(last: LastJob | None) -> bool:
    return last is not None and last.kind != "stop" and last.result == JobResult.DEPENDENCY


def entry_gate(service: Service, first_seen: datetime, now: datetime) -> Outcome | None:
    """Return why a rollout may not begin yet, or None. *now* is local time."""
    windows = [Window.parse(text) for text in service.update.window]
    if windows and not any(window.contains(now) for window in windows):
        opening = min(window.next_opening(now) for window in windows)
        return Outcome(
            service.name, OutcomeKind.DEFERRED, f"it waits for its window, {opening:%a %Y-%m-%d %H:%M}"
        )
    ripe = first_seen + timedelta(seconds=service.update.min_age)
    if now < ripe:
        return Outcome(
            service.name,
            OutcomeKind.DEFERRED,
            f"its image is too young until {ripe.astimezone():%Y-%m-%d %H:%M}",
        )
    return None


def judge_job(result: JobResult, unit: UnitState, limit: float) -> Verdict:
    """Judge a start by the result of its job, which alone tells; the unit may be on its next attempt."""
    if result is JobResult.DONE:
        return judge_unit(unit, unit)
    reasons = {
        JobResult.DEPENDENCY: "a unit that it requires did not start",
        JobResult.CANCELED: "the start was canceled by somebody else",
        JobResult.GAVE_UP: f"it was not up after {limit:.0f} s",
        JobResult.HOPELESS: "its health check fails",
        JobResult.REFUSED: "systemd has no such unit; beacon render --check says why",
    }
    if result in reasons:
        return failed(reasons[result])
    return failed(_why_down(unit))


def is_handled(before: UnitState | None, now: UnitState) -> bool:
    """Say whether somebody has a job at work on the unit: what it is meanwhile says nothing of the release.

    systemd's own restart after a crash is such a job too; it counts as a restart.
    """
    return now.job != 0 and now.restarts <= (before.restarts if before is not None else 0)


def is_restarted(before: UnitState, now: UnitState) -> bool:
    """Say whether somebody restarted the unit since *before*; systemd itself counts its restarts."""
    return now.active == "active" and now.started != before.started and now.restarts <= before.restarts


def is_stopped(service: Service, now: UnitState, *, handled: bool) -> bool:
    """Say whether somebody stopped the unit of *service*: a job was seen at work, or only that takes it down.

    A service that ends by itself is down without failure too, unless systemd always restarts it.
    """
    if handled:
        return now.active in {"inactive", "failed"}
    always = service.restart.policy is RestartPolicy.ALWAYS
    return always and now.active == "inactive" and now.is_stopped


def judge_unit(before: UnitState, now: UnitState) -> Verdict:
    """Judge whether the unit still runs as it did at *before*: up, the same process, no restart between."""
    if now.active != "active":
        return failed(_why_down(now))
    if now.restarts != before.restarts or now.main_pid != before.main_pid or now.started != before.started:
        return failed("it was restarted while it had to settle")
    return PENDING


def judge_settled(before: UnitState, now: UnitState, elapsed: float, settle: float) -> Verdict:
    """Judge a release without a health check: it stands after *settle* seconds in one piece."""
    verdict = judge_unit(before, now)
    if verdict.gate is Gate.PENDING and elapsed >= settle:
        return PASSED
    return verdict


def judge_health(health: str, unit: UnitState, elapsed: float, limit: float) -> Verdict:
    """Judge a release by what the engine says of its health check."""
    if health == "healthy":
        return PASSED
    if unit.active != "active":
        return failed(_why_down(unit))
    if health == "unhealthy":
        return failed("its health check fails")
    return failed(f"its health check did not pass within {limit:.0f} s") if elapsed >= limit else PENDING


def judge_probe(fault: str | None, unit: UnitState, elapsed: float, limit: float) -> Verdict:
    """Judge a release by what a look from outside found (*fault*; None is well)."""
    if unit.active != "active":
        return failed(_why_down(unit))
    if fault is None:
        return PASSED
    return failed(f"{fault} after {limit:.0f} s") if elapsed >= limit else PENDING


def health_limit(service: Service) -> float:
    """Return how many seconds a health check or probe may take until it has passed once."""
    health = service.health
    interval = _DEFAULT_INTERVAL if health.interval is None else health.interval
    timeout = _DEFAULT_TIMEOUT if health.timeout is None else health.timeout
    retries = _DEFAULT_RETRIES if health.retries is None else health.retries
    return (health.start_period or 0.0) + max(retries, 1) * (interval + timeout)


def _why_down(unit: UnitState) -> str:
    if unit.result == "start-limit-hit":
        return "it failed too often in a row"
    if unit.result == "timeout":
        return "it was not ready in time"
    if unit.exit_status:
        return f"it exited with status {unit.exit_status}"
    if unit.result not in {"success", ""}:
        return f"it failed ({unit.result})"
    return f"it is {unit.active} ({unit.sub})"


def canaries(items: Sequence[tuple[Digest, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split (image digest, service) pairs: the first service of each digest, and those that follow it."""
    first: dict[Digest, str] = {}
    follow: list[str] = []
    for digest, service in sorted(items, key=lambda item: item[1]):
        if digest in first:
            follow.append(service)
        else:
            first[digest] = service
    return tuple(first.values()), tuple(follow)
