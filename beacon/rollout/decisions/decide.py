"""The decisions of a rollout, as pure functions: may it begin, is the release healthy, who goes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from msgspec import Struct

from beacon.formats.moments import shown
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest
from beacon.model.release import Quarantine, Release, ServiceState, Trigger
from beacon.model.runtime import JobResult, UnitState
from beacon.model.service import RestartPolicy, Service
from beacon.rollout.decisions.blame import Blame, Failure, find_blame
from beacon.rollout.decisions.postponed import pause, postponed

PROBE_INTERVAL = 1.0
_DEFAULT_INTERVAL = 30.0  # podman-run(1): --health-interval, --health-timeout and --health-retries
_DEFAULT_TIMEOUT = 30.0
_DEFAULT_RETRIES = 3
PROBE_TIMEOUT = 5.0
"""Seconds that one look from outside may take."""


class Gate(Enum):
    """What the health gate says of a release at this moment."""

    PENDING = auto()
    PASSED = auto()
    FAILED = auto()


class Verdict(Struct, frozen=True):
    """The health gate's answer, with the reason for a failure, and whose fault that is."""

    gate: Gate
    reason: str = ""
    blame: Blame | None = None
    """None if nothing has failed."""
    certain: bool = True


def failed(reason: str, blame: Blame = Blame.IMAGE, *, certain: bool = True) -> Verdict:
    """Return the verdict that a release is not healthy."""
    return Verdict(Gate.FAILED, reason, blame, certain)


def blamed(failure: Failure) -> Verdict:
    """Return the verdict that a release is not healthy, for *failure*."""
    return failed(failure.reason, failure.blame, certain=failure.certain)


PENDING = Verdict(Gate.PENDING)
PASSED = Verdict(Gate.PASSED)
CANCELED = failed("it was canceled", Blame.OWNER)
STOPPED = failed("it was stopped before it could prove itself", Blame.OWNER)
"""Its owner stopped it: it stays so."""


def find_quarantine(
    state: ServiceState, digest: Digest, fingerprint: str, now: datetime
) -> Quarantine | None:
    """Return why *digest* (a tag's or a manifest's) is not tried with that definition, or None."""
    return next(
        (
            entry
            for entry in state.quarantine
            if digest in {entry.digest, entry.tag_digest}
            and entry.fingerprint == fingerprint
            and not (entry.until and datetime.fromisoformat(entry.until) <= now)
        ),
        None,
    )


def passed_over(entry: Quarantine) -> str:
    """Return in words that an image is not tried, until when, and why."""
    before = f" before {shown(entry.until)}" if entry.until else ""
    return f"not tried again{before}: {entry.reason}"


def what_comes_next(candidate: Release, quarantine: Iterable[Quarantine]) -> str:
    """Return in words where to see why *candidate* failed, and what becomes of its image."""
    name = candidate.service.name
    why = f"beacon logs {name} tells why"
    entry = next((one for one in quarantine if one.digest == candidate.digest), None)
    if entry is None or candidate.trigger is Trigger.ROLLBACK:
        return why
    before = f" before {shown(entry.until)}" if entry.until else ""
    if candidate.trigger is Trigger.UPDATE:
        mend = f"push a mended image, or beacon update --retry {name}"
    else:
        mend = f"change the definition, or beacon apply --retry {name}"
    return f"{why}; it is not tried again{before}: {mend}"


def second_try(known: Quarantine | None, now: datetime, *, certain: bool, hindered: bool) -> datetime | None:
    """Return when an image that failed is tried again by itself, or None.

    Where its blame is not *certain*, that is once; *known* is its entry where that was before. What the host
    *hindered* each time is never certain.
    """
    if not hindered and (certain or known is not None):
        return None
    return now + _SECOND_TRY


_SECOND_TRY = timedelta(days=1)


def is_due(last: datetime | None, now: datetime, every: float) -> bool:
    """Say whether a service that is checked at most every *every* seconds is to be checked now."""
    return last is None or now < last or (now - last) >= pause(every)


def longest_unanswered(names: Iterable[str], answers: Mapping[str, datetime]) -> tuple[str, ...]:
    """Return services in the order to ask for: who never had an answer first, who had the last one last.

    A registry that is too slow for all of them within the deadline leaves others out with each run, then.
    """
    never = datetime.min.replace(tzinfo=UTC)
    return tuple(sorted(names, key=lambda name: answers.get(name, never)))


def standing(live: Release, state: ServiceState, unit: UnitState) -> Outcome | None:
    """Return why the service is not updated whatever the registry says, or None."""
    name = state.name
    if live.service.is_pinned:
        return Outcome(name, OutcomeKind.PINNED, f"stays at {live.pinned}", release=live.number)
    if state.rollout is not None:
        # By another process: that the unit is down for a moment says nothing of what the owner wants.
        return Outcome(name, OutcomeKind.BUSY, "another beacon is rolling it out", release=live.number)
    if state.hold is not None:
        why = f": {state.hold.reason}" if state.hold.reason else ""
        return Outcome(
            name, OutcomeKind.HELD, f"held since {shown(state.hold.since)}{why}", f"beacon unhold {name}"
        )
    if unit.load == "not-found":
        detail, hint = "its unit is not installed", f"beacon apply {name}"
        return Outcome(name, OutcomeKind.HELD, detail, hint, said="not applied")
    return None


def entry_gate(service: Service, first_seen: datetime, now: datetime) -> Outcome | None:
    """Return why a rollout may not begin yet, or None. *now* is local time."""
    wait = postponed(service.update, first_seen, now)
    return Outcome(service.name, OutcomeKind.DEFERRED, wait.reason) if wait is not None else None


def judge_job(result: JobResult, unit: UnitState, limit: float, lacking: Sequence[str] = ()) -> Verdict:
    """Judge a start by the result of its job, which alone tells; the unit may be on its next attempt."""
    if result is JobResult.DONE:
        return judge_unit(unit, unit)
    return blamed(find_blame(result, unit, limit, lacking))


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
    """Judge whether the unit still runs as it did at *before*: up, the same process, no restart between.

    If *now* tells how the process before this one ended, that is the reason; a unit that crashes while it is
    looked at may still be active.
    """
    if now.active != "active":
        return blamed(find_blame(None, now))
    if (now.restarts, now.main_pid, now.started) == (before.restarts, before.main_pid, before.started):
        return PENDING
    if now.exit_status or now.result != "success":
        return blamed(find_blame(None, now))
    if not now.main_pid and now.restarts == before.restarts:
        return PENDING  # it has just ended, and well: the next look tells what comes of that
    return failed("it was restarted while it had to settle")


def judge_end(unit: UnitState) -> Verdict:
    """Judge a job that ends well: it is healthy once it is down."""
    return PASSED if unit.active == "inactive" else PENDING


def judge_done(before: UnitState, now: UnitState) -> Verdict:
    """Judge a job whose unit is up once it has ended with success."""
    if now.active == "active" and now.sub == "exited":
        return PASSED
    return PENDING if now.active == "activating" else judge_unit(before, now)


def judge_settled(before: UnitState, now: UnitState, elapsed: float, settle: float) -> Verdict:
    """Judge a release without a health check: it is healthy after *settle* seconds without a restart."""
    verdict = judge_unit(before, now)
    if verdict.gate is Gate.PENDING and elapsed >= settle:
        return PASSED
    return verdict


def judge_health(health: str, unit: UnitState, elapsed: float, limit: float) -> Verdict:
    """Judge a release by what the engine says of its health check."""
    if health == "healthy":
        return PASSED
    if unit.active != "active":
        return blamed(find_blame(None, unit))
    if health == "unhealthy":
        return failed("its health check fails")
    if elapsed >= limit:
        return failed(f"its health check did not pass within {limit:.0f} s", certain=False)
    return PENDING


def judge_probe(fault: str | None, unit: UnitState, elapsed: float, limit: float) -> Verdict:
    """Judge a release by what a look from outside found (*fault*; None is well)."""
    if unit.active != "active":
        return blamed(find_blame(None, unit))
    if fault is None:
        return PASSED
    return failed(f"{fault} after {limit:.0f} s", certain=False) if elapsed >= limit else PENDING


def health_limit(service: Service) -> float:
    """Return how many seconds a health check or probe may take until it has passed once."""
    health = service.health
    interval = _DEFAULT_INTERVAL if health.interval is None else health.interval
    usual = _DEFAULT_TIMEOUT if health.http is None and health.tcp is None else PROBE_TIMEOUT
    timeout = usual if health.timeout is None else health.timeout
    retries = _DEFAULT_RETRIES if health.retries is None else health.retries
    return (health.start_period or 0.0) + max(retries, 1) * (interval + timeout)
