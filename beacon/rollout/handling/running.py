"""Starting a release and saying whether it stands, for better and for worse."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from msgspec.structs import replace

from beacon.definition.effective import in_effect
from beacon.errors import BeaconError, MachineError
from beacon.model.machine import Engine
from beacon.model.release import Release
from beacon.model.runtime import JobResult, UnitState
from beacon.model.sensitive import named, redacted
from beacon.model.service import RestartPolicy
from beacon.model.unit import JOB_LIMIT, service_of_unit, unit_name
from beacon.rollout.decisions.blame import Blame, find_blame
from beacon.rollout.decisions.decide import (
    CANCELED,
    PENDING,
    STOPPED,
    Gate,
    Verdict,
    blamed,
    health_limit,
    judge_job,
)
from beacon.rollout.decisions.down import ends_well, went_later
from beacon.rollout.handling.health import is_sick, with_last_exit
from beacon.rollout.tools import Tools

DAEMON = "docker.service"
_DAEMON_LIMIT = 120.0
_MARGIN = 30.0
_START_WITHOUT_HEALTH = 90.0
_HOOK_LIMIT = 300.0


class GoingDownError(BeaconError):
    """The machine is being shut down: what services do now says nothing of their releases."""


def require_up(tools: Tools) -> None:
    """Raise GoingDownError where the machine is being shut down; the journal stays for the next run."""
    if tools.systemd.is_going_down():
        raise GoingDownError("the machine is going down", hint="the rollout goes on when it is up again")


def require_daemon(tools: Tools) -> None:
    """Raise MachineError if docker's daemon was stopped: who starts a service starts its daemon too."""
    if is_daemon_stopped(tools):
        raise MachineError(
            "docker's daemon is stopped, and the service needs it",
            hint="systemctl start docker, and the next update goes on from here",
        )


def is_daemon_stopped(tools: Tools) -> bool:
    """Say whether docker runs services here, and its owner stopped its daemon."""
    if tools.engine_kind() is not Engine.DOCKER:
        return False
    tools.systemd.wait_idle(DAEMON, _DAEMON_LIMIT)
    return tools.unit(DAEMON).is_stopped


def guarded(tools: Tools, action: Callable[[], Verdict]) -> Verdict:
    """Return the verdict of *action*; where the host refuses something, the release does not stand.

    Raises GoingDownError where a release seems to have failed because the whole machine is stopping.
    """
    try:
        verdict = action()
    except BeaconError as error:
        verdict = blamed(find_blame(error))
    if verdict.gate is Gate.FAILED:
        require_up(tools)
    return verdict


def start(tools: Tools, release: Release) -> Verdict:
    """Restart the unit of a release and judge the job."""
    unit = unit_name(release.service.name)
    limit = job_limit(release)
    tools.systemd.reset_failed(unit)
    began, check = tools.clock.monotonic(), in_effect(release).health.command
    what = "starting, until its health check passes" if check is not None else "starting"

    def is_hopeless() -> bool:
        tools.reporter.waiting(release.service.name, what, tools.clock.monotonic() - began, limit)
        return tools.is_canceled() or is_sick(tools, release)

    result = tools.systemd.restart(unit, limit, is_hopeless)
    if result is JobResult.HOPELESS and tools.is_canceled():
        return CANCELED
    if result is JobResult.CANCELED:
        tools.systemd.wait_idle(unit, limit)  # the job that took the place of this one
    now = tools.unit(unit)
    if result is JobResult.GAVE_UP and now.active == "active" and not now.job:
        result = JobResult.DONE  # what was missed is the word of it
    if result is JobResult.CANCELED and now.active == "active":
        result = JobResult.DONE  # somebody else stopped and started it: it is watched like any other start
    if result is JobResult.CANCELED and not now.is_up:
        return STOPPED
    if result is JobResult.DONE and ends_well(release.service, now):
        return PENDING
    if result is JobResult.FAILED:
        now = with_last_exit(tools, now)
    return judge_job(result, now, limit, _lacking(tools, unit) if result is JobResult.DEPENDENCY else ())


def _lacking(tools: Tools, unit: str) -> tuple[str, ...]:
    """Return the units that *unit* requires and that are down."""
    states = tools.systemd.states(tools.systemd.requirements(unit))
    return tuple(name for name, state in states.items() if not state.is_up)


def with_last_words(tools: Tools, verdict: Verdict, release: Release) -> Verdict:
    """Add to a failure what the service or its engine said last: more often than not the reason itself."""
    if verdict.gate is not Gate.FAILED or (verdict.blame is not Blame.IMAGE and verdict.certain):
        return verdict
    words = _without_secrets(tools, release, tools.systemd.last_words(unit_name(release.service.name)))
    return replace(verdict, reason=f"{verdict.reason}: {words}") if words else verdict


def _without_secrets(tools: Tools, release: Release, text: str) -> str:
    """Return *text* without the values of the secrets of *release*, which its process may print."""
    values = []
    for version in sorted(named(release.secrets)) if text else ():
        with suppress(MachineError):
            values.append(tools.secrets.value(version))
    return redacted(text, values)


def job_limit(release: Release) -> float:
    """Return how long a restart of *release* may take before Beacon gives up on systemd's own limits."""
    service = in_effect(release)  # the image may have a health check, and labels that give it time
    work = JOB_LIMIT if service.restart.policy is RestartPolicy.ONESHOT else _START_WITHOUT_HEALTH
    return health_limit(service) + work + service.stop.timeout + _MARGIN


def runs(tools: Tools, release: Release, *, since: datetime | None = None) -> bool:
    """Say whether the unit runs *release* already: a kill came between the restart and its record.

    A unit that came up before *since* does not, and the engine, which takes its time, is not asked. Of a job
    that is done only that moment tells.
    """
    unit = unit_name(release.service.name)
    state = tools.unit(unit)
    if state.active != "active" or (since is not None and state.started < since.timestamp() * 1e6):
        return False
    if is_done(release, state):
        return since is not None
    return has_container(tools, release)


def is_done(release: Release, unit: UnitState) -> bool:
    """Say whether a job has ended, and its unit is up for that: no container tells whose run it was."""
    return release.service.restart.policy is RestartPolicy.ONESHOT and unit.sub == "exited"


def has_container(tools: Tools, release: Release) -> bool:
    """Say whether the service's container is of *release*; an engine that is busy is taken to say no.

    A start too many costs less than none.
    """
    try:
        container = tools.engine.containers().get(release.service.name)
    except MachineError:
        return False
    return container is not None and container.release == release.number


def not_stopped(tools: Tools, dependents: tuple[str, ...], service: str) -> tuple[str, ...]:
    """Return the *dependents* that their owner has not stopped while *service* was up."""
    taken_by = tools.unit(unit_name(service))
    states = tools.systemd.states(dependents)
    return tuple(unit for unit, state in states.items() if not went_later(state, taken_by))


def bring_up(tools: Tools, units: tuple[str, ...]) -> None:
    """See that what was up before is up again: a restart takes dependents along, a failed start down.

    A start joins the job of a unit that is still coming up, and does nothing to one that is up. One that
    cannot be started says nothing of the service that it needs.
    """
    for unit in units:
        try:
            tools.systemd.reset_failed(unit)
            tools.systemd.start(unit, _START_WITHOUT_HEALTH)
        except MachineError as error:
            tools.reporter.note(service_of_unit(unit) or unit, f"is not started again: {error.message}")


def run_hook(tools: Tools, command: tuple[str, ...], release: Release) -> str | None:
    """Run a hook of the owner for *release*, if there is one; return why it says no, or None."""
    environment = {
        "BEACON_SERVICE": release.service.name,
        "BEACON_RELEASE": str(release.number),
        "BEACON_IMAGE": str(release.reference),
        "BEACON_DIGEST": release.digest,
    }
    fault = tools.hooks.run(command, environment, _HOOK_LIMIT) if command else None
    return fault and _without_secrets(tools, release, fault)
