"""Starting a release and saying whether it stands, for better and for worse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from beacon.errors import BeaconError
from beacon.model.release import Release
from beacon.model.runtime import JobResult
from beacon.model.unit import unit_name
from beacon.rollout.decide import STOPPED, Gate, Verdict, failed, health_limit, judge_job
from beacon.rollout.health import is_sick
from beacon.rollout.world import World

_MARGIN = 30.0
_START_WITHOUT_HEALTH = 90.0
_HOOK_LIMIT = 300.0


class GoingDownError(BeaconError):
    """The machine is being shut down: what services do now says nothing of their releases."""


def require_up(world: World) -> None:
    """Raise GoingDownError where the machine is being shut down; the journal stays for the next run."""
    if world.systemd.is_going_down():
        raise GoingDownError("the machine is going down", hint="the rollout goes on when it is up again")


def guarded(world: World, action: Callable[[], Verdict]) -> Verdict:
    """Return the verdict of *action*; where the host refuses something, the release does not stand.

    Raises GoingDownError where a release seems to have failed because the whole machine is stopping.
    """
    try:
        verdict = action()
    except BeaconError as error:
        verdict = Verdict(Gate.FAILED, error.message, hindered=True)
    if verdict.gate is Gate.FAILED:
        require_up(world)
    return verdict


def start(world: World, release: Release) -> Verdict:
    """Restart the unit of a release and judge the job."""
    unit = unit_name(release.service.name)
    limit = job_limit(release)
    world.systemd.reset_failed(unit)
    result = world.systemd.restart(unit, limit, lambda: is_sick(world, release))
    if result is JobResult.CANCELED:
        world.systemd.wait_idle(unit, limit)  # the job that took the place of this one
    now = world.unit(unit)
    if result is JobResult.GAVE_UP and now.active == "active" and not now.job:
        result = JobResult.DONE  # what was missed is the word of it
    return STOPPED if result is JobResult.CANCELED and not now.is_up else judge_job(result, now, limit)


def with_last_words(world: World, verdict: Verdict, name: str) -> Verdict:
    """Add to a failure what the service said last: more often than not the reason itself."""
    if verdict.gate is not Gate.FAILED or verdict.stopped or verdict.hindered:
        return verdict
    words = world.systemd.last_words(unit_name(name))
    return failed(f"{verdict.reason}: {words}") if words else verdict


def job_limit(release: Release) -> float:
    """Return how long a restart of *release* may take before Beacon gives up on systemd's own limits."""
    service = release.service
    return health_limit(service) + _START_WITHOUT_HEALTH + service.stop.timeout + _MARGIN


def runs(world: World, release: Release, *, since: datetime | None = None) -> bool:
    """Say whether the unit runs *release* already: a kill came between the restart and its record.

    A unit that came up before *since* does not, and the engine, which takes its time, is not asked.
    """
    unit = unit_name(release.service.name)
    state = world.unit(unit)
    if state.active != "active" or (since is not None and state.started < since.timestamp() * 1e6):
        return False
    container = world.engine.containers().get(release.service.name)
    return container is not None and container.release == release.number


def bring_up(world: World, units: tuple[str, ...]) -> None:
    """See that what was up before is up again: a restart takes dependents along, a failed start down.

    A start joins the job of a unit that is still coming up, and does nothing to one that is up.
    """
    for unit in units:
        world.systemd.reset_failed(unit)
        world.systemd.start(unit, _START_WITHOUT_HEALTH)


def run_hook(world: World, command: tuple[str, ...], release: Release) -> str | None:
    """Run a hook of the owner for *release*, if there is one; return why it says no, or None."""
    environment = {
        "BEACON_SERVICE": release.service.name,
        "BEACON_RELEASE": str(release.number),
        "BEACON_IMAGE": str(release.reference),
        "BEACON_DIGEST": release.digest,
    }
    return world.hooks.run(command, environment, _HOOK_LIMIT) if command else None
