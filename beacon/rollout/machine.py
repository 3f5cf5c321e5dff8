"""One rollout as a state machine: each phase is on disk before it begins, and each can be begun again.

    pulling → (copying | trying) → switching → restarting → gating → (committed)
                      ↓                ↓           ↓          ↓
                      └────────────────┴─ restoring ──────────┴→ (the previous release is live again)

:func:`finish` drives a rollout from whatever phase the journal names, so that a rollout just begun and one
found after a kill take the same way. docs/states.md tells what each kill leads to. Only a service that moves
to another engine is stopped while its volumes are copied; :mod:`beacon.rollout.move` has what that takes.
Only one that a proxy brings requests is tried beside the live release first: :mod:`beacon.rollout.handover`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from beacon.errors import BeaconError, BusyError, HostError
from beacon.model.event import EventKind
from beacon.model.host import Engine
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference, short
from beacon.model.release import (
    Phase,
    Quarantine,
    Release,
    ReleaseState,
    RolloutJournal,
    ServiceState,
    Trigger,
)
from beacon.model.runtime import JobResult, UnitState
from beacon.model.unit import unit_name
from beacon.rollout import move
from beacon.rollout.decide import PASSED, PENDING, STOPPED, Gate, Verdict, failed, health_limit, judge_job
from beacon.rollout.handover import come_back, go_ahead, helper_of, plan_handover
from beacon.rollout.health import is_sick, watch
from beacon.rollout.images import distrust
from beacon.rollout.world import World, moment
from beacon.units.mark import read_mark

_MARGIN = 30.0
_START_WITHOUT_HEALTH = 90.0
_HOOK_LIMIT = 300.0
_DAEMON = "docker.service"


class Work(Struct, frozen=True):
    """One service to bring to *candidate*: files to put (None removes), and whether it is to run.

    All this was worked out while release *live* was live; it holds only as long as that still is.
    """

    candidate: Release
    files: dict[str, str | None]
    live: int | None
    start: bool = True
    beside: dict[str, str] = field(default_factory=dict)
    """Files of the helper that can run the candidate beside the live release."""
    runs: bool = False
    """Whether the service was up when this was planned; stopped since then, it is left alone."""

    @property
    def name(self) -> str:
        """The service."""
        return self.candidate.service.name


def begin(world: World, work: Work) -> ServiceState:
    """Write down that a rollout has begun; nothing else has changed yet.

    Raises BusyError where another process has changed the service since the work was planned.
    """
    state = world.store.load(work.name)
    if state.rollout is not None or state.live != work.live:
        raise BusyError(
            f"another beacon has been at work on {work.name!r} meanwhile", hint="try again when it is done"
        )
    with reserving(world, state, work.candidate):
        return _begin(world, state, work)


@contextlib.contextmanager
def reserving(world: World, state: ServiceState, release: Release) -> Iterator[None]:
    """See that ports of the loopback and a domain that are new to the service are still nobody else's."""
    new = set(release.ports.values()) - set(state.ports.values())
    name = release.domain if release.domain != state.domain else ""
    if not new and not name:
        yield
        return
    with world.store.lock(_PORTS, wait=_PORTS_WAIT):
        others = {
            port: other
            for other, ports in world.store.ports().items()
            for port in ports.values()
            if other != state.name
        }
        for port in sorted(new & others.keys()):
            raise BusyError(
                f"port {port}, meant for {state.name}, has gone to {others[port]} meanwhile", hint="try again"
            )
        for other, domain in world.store.domains().items() if name else ():
            if domain == name and other != state.name:
                raise BusyError(
                    f"{name}, meant for {state.name}, has gone to {other} meanwhile", hint="try again"
                )
        yield


_PORTS = "_ports"
"""The lock of those who take ports; no service has such a name."""
_PORTS_WAIT = 30.0


def _begin(world: World, state: ServiceState, work: Work) -> ServiceState:
    candidate = work.candidate
    known = state.release(candidate.number)
    if known is None:
        state = state.with_release(candidate)
    elif (known.ports, known.domain) != (candidate.ports, candidate.domain):
        state = state.with_release(replace(known, ports=candidate.ports, domain=candidate.domain))
    engine = world.engine_kind()
    former = move.installed_engine(world, work.name)
    journal = RolloutJournal(
        candidate.number,
        state.live,
        Phase.PULLING,
        world.timestamp(),
        engine=engine,
        former=former if former not in {None, engine} else "",
    )
    state = replace(state, rollout=journal)
    world.store.save(state)
    return state


def fetch(world: World, work: Work, present: Mapping[str, Digest]) -> Digest:
    """Have the candidate's image on disk, verified, and see that the way back is open; return its id.

    *present* is what the engine lists.
    """
    state = world.store.load(work.name)
    candidate, live, former = work.candidate, state.live_release, world.on(_journal(state).former)
    way_back = present if former is world else former.engine.images()
    if live is not None and live.state is ReleaseState.LIVE and str(live.pinned) not in way_back:
        raise HostError(
            f"{work.name} is left alone: the image of release {live.number}, needed to roll back, is gone",
            hint=f"{former.engine_kind()} pull {live.pinned}, then update again",
        )
    if former is not world:
        move.require_room(world, candidate)
    if candidate.service.hooks.before_update and live is not None:
        _ask_hook(world, state, candidate)
    image_id = present.get(str(candidate.pinned))
    if image_id is None:
        other = live.pinned if live is not None and former is world and str(live.pinned) in present else None
        return _pull_whole(world, candidate, other)
    _keep(world, candidate, image_id)
    return image_id


def _ask_hook(world: World, state: ServiceState, candidate: Release) -> None:
    """Run before_update. It may stop the service for a backup: it is the rollout then that has it down."""
    unit = unit_name(state.name)
    now = world.unit(unit)
    dependents = world.systemd.dependents(unit)
    journal = replace(_journal(state), was=_standing(now), dependents=dependents, hook_stopped=now.is_up)
    world.store.save(replace(state, rollout=journal))
    fault = _hook(world, candidate.service.hooks.before_update, hook_environment(candidate))
    if now.is_up and not world.unit(unit).is_stopped:
        world.store.save(replace(state, rollout=replace(journal, hook_stopped=False)))
    if fault is not None:
        raise HookRefusedError(f"before_update says no: {fault}")


class HookRefusedError(BeaconError):
    """The owner's before_update hook said no; the rollout waits."""


class EditedError(BeaconError):
    """A file that is to be replaced was edited by hand; the owner's work is left alone."""


class StoppedError(BeaconError):
    """Its owner stopped the service while its rollout was being prepared."""


class GoingDownError(BeaconError):
    """The machine is being shut down: what services do now says nothing of their releases."""


def _pull_whole(world: World, release: Release, other: ImageReference | None) -> Digest:
    """Fetch an image, keep it, and have it on the disk; *other* is one that is there already.

    Each command takes the engine a moment: what another one does not need is done beside it.
    """
    with ThreadPoolExecutor(1) as hand:
        folder = hand.submit(world.engine.image_folder, other) if other is not None else None
        image_id = _pull(world, release)
        folder = folder or hand.submit(world.engine.image_folder, release.pinned)
        flushed = hand.submit(lambda: world.engine.flush(folder.result()))
        _keep(world, release, image_id)
        flushed.result()
    return image_id


def _pull(world: World, release: Release) -> Digest:
    """Fetch the image under the very name that the unit uses: Podman does not find it by another one's."""
    with world.reporter.pulling(release.service.name, release.pinned) as progress:
        return world.engine.pull(release.pinned, progress)


def _keep(world: World, release: Release, image_id: Digest) -> None:
    if image_id not in release.image_ids:
        promised = release.image.image_id
        raise HostError(
            f"{release.pinned} is not what the registry promised: image {image_id}, not {promised}"
        )
    world.engine.keep(image_id, release.service.name, release.number)


def abandon(world: World, state: ServiceState) -> None:
    """Forget a rollout that has changed nothing yet, but that its hook may have stopped the service."""
    journal = state.rollout
    if journal is None:
        return
    unit = unit_name(state.name)
    if journal.hook_stopped and world.unit(unit).is_stopped:
        _bring_up(world, (unit, *journal.dependents))
    candidate = state.release(journal.release)
    if candidate is not None and candidate.state is ReleaseState.CANDIDATE:
        state = state.put_aside(candidate)
        with contextlib.suppress(BeaconError):  # a leftover name on an image; tidy() takes it next time
            world.engine.let_go(state.name, journal.release)
    world.store.save(replace(state, rollout=None))


def prepare_switch(world: World, work: Work) -> ServiceState:
    """Write down how the service was, and what is about to take its place."""
    state = world.store.load(work.name)
    unit = unit_name(work.name)
    journal = _journal(state)
    now = world.unit(unit)
    if work.runs and now.is_stopped and not journal.hook_stopped:
        raise StoppedError("stopped by its owner meanwhile", hint=f"beacon start {work.name}")
    beside: dict[str, str] = {}
    hold = False
    if work.start and not journal.former:
        beside, hold = plan_handover(world, work.candidate, state.live_release, now, work.beside)
    phase = Phase.TRYING if beside else Phase.SWITCHING
    state = replace(
        state,
        rollout=replace(
            journal,
            phase=Phase.COPYING if journal.former else phase,
            beside=beside,
            hold=hold,
            before={name: world.files.read(name) for name in work.files if _is_own(world, work, name)},
            after=dict(work.files),
            dependents=journal.dependents if journal.hook_stopped else world.systemd.dependents(unit),
            start=work.start,
            was=journal.was if journal.hook_stopped else _standing(now),
        ),
    )
    world.store.save(state)
    old = state.release(journal.previous)
    instead = f" in the place of release {old.number}" if old and old.number != journal.release else ""
    message = f"Release {journal.release} of {work.name} is rolled out{instead}: {work.candidate.pinned}"
    world.tell(EventKind.ROLLOUT_STARTED, message, work.candidate, old)
    return state


def _standing(unit: UnitState) -> str:
    """Return the state to come back to; between a crash and the next start that is no stop by the owner."""
    between = unit.load != "not-found" and not unit.is_up and not unit.is_stopped
    return "failed" if between else unit.active


def _is_own(world: World, work: Work, name: str) -> bool:
    """Say whether a file is this service's alone; one of a shared network is not put back with it."""
    text = work.files[name] or world.files.read(name)
    mark = read_mark(text) if text is not None else None
    return mark is not None and mark.service == work.name


def finish(world: World, state: ServiceState) -> Outcome:
    """Drive a rollout to its end from the phase that its journal names."""
    world = world.on(state.rollout.engine if state.rollout is not None else "")
    while state.rollout is not None:
        match state.rollout.phase:
            case Phase.PULLING:
                candidate = _candidate(state)
                abandon(world, state)
                distrust(world, candidate)
                return Outcome(
                    state.name, OutcomeKind.UNCHANGED, "an interrupted rollout had changed nothing"
                )
            case Phase.COPYING:
                state = _copy(world, state)
            case Phase.TRYING:
                state = _try(world, state)
            case Phase.SWITCHING:
                state = _switch(world, state)
            case Phase.RESTARTING:
                state = _restart(world, state)
            case Phase.GATING:
                verdict = _gate(world, state)
                if verdict.gate is Gate.PASSED:
                    come_back(world, state, _journal(state))
                    return _commit(world, state)
                state = _turn_back(world, state, verdict)
            case Phase.RESTORING:
                return _restore(world, state)
    return Outcome(state.name, OutcomeKind.UNCHANGED)


def enter(world: World, state: ServiceState, phase: Phase) -> ServiceState:
    """Write down that *phase* begins."""
    state = replace(state, rollout=replace(_journal(state), phase=phase))
    world.store.save(state)
    return state


def begin_restoring(
    world: World, state: ServiceState, reason: str, *, untried: bool = False, stopped: bool = False
) -> ServiceState:
    """Write down that the previous release is being restored, and why.

    The candidate is *untried* where it proved nothing, as where the service was *stopped*.
    """
    journal = replace(
        _journal(state), phase=Phase.RESTORING, reason=reason, untried=untried or stopped, stopped=stopped
    )
    state = replace(state, rollout=journal)
    # On a full disk the journal cannot be written, but bringing the service back matters more:
    # the phase on disk is an earlier one, from which the next run comes here again.
    with contextlib.suppress(HostError):
        world.store.save(state)
    return state


def _copy(world: World, state: ServiceState) -> ServiceState:
    """Stop a service that moves, and copy its data, which must not change meanwhile."""
    candidate, unit = _candidate(state), unit_name(state.name)
    try:
        result = world.systemd.stop(unit, job_limit(candidate))
        if result is not JobResult.DONE:
            raise HostError(f"{unit} could not be stopped to copy its data")
        begun = _journal(state).copied
        state = replace(state, rollout=replace(_journal(state), copied=move.volumes(candidate)))
        world.store.save(state)
        move.copy(world, world.on(_journal(state).former), candidate, begun)
    except BeaconError as error:
        require_up(world)
        return begin_restoring(world, state, error.message, untried=True)
    return enter(world, state, Phase.SWITCHING)


def _try(world: World, state: ServiceState) -> ServiceState:
    """Run the candidate beside the live release, and give it the requests once it stands."""
    journal, candidate = _journal(state), _candidate(state)
    live, helper = state.release(journal.previous), helper_of(candidate)

    def gate() -> Verdict:
        world.put_helper(journal.beside)
        verdict = PENDING if _runs(world, helper) else start(world, helper)
        return verdict if verdict.gate is Gate.FAILED else watch(world, helper)

    verdict = _with_last_words(world, _guarded(world, gate), helper.service.name)
    # On disk before the helper goes: it must not be tried again.
    if verdict.gate is Gate.FAILED or live is None:
        state = _turn_back(world, state, verdict)
    elif _is_taken_down(world, state):
        state = begin_restoring(world, state, STOPPED.reason, stopped=True)
    else:
        go_ahead(world, candidate, live)
        return enter(world, state, Phase.SWITCHING)
    come_back(world, state, _journal(state))
    return state


def _is_taken_down(world: World, state: ServiceState) -> bool:
    """Say whether the service was stopped meanwhile; at boot it has a job, and is not up yet."""
    now = world.unit(unit_name(state.name))
    return now.is_stopped and not now.job


def _switch(world: World, state: ServiceState) -> ServiceState:
    try:
        world.put_files(_journal(state).after)
    except BeaconError as error:
        require_up(world)
        return begin_restoring(world, state, error.message, untried=True)
    return enter(world, state, Phase.RESTARTING)


def _restart(world: World, state: ServiceState) -> ServiceState:
    journal, candidate = _journal(state), _candidate(state)
    if not journal.start:
        return enter(world, state, Phase.GATING)
    unit = unit_name(state.name)
    world.systemd.wait_idle(unit, job_limit(candidate))
    if journal.hold:
        world.traffic.hold(state.name, held=True)
    if journal.previous == candidate.number or not _runs(world, candidate, since=moment(journal.started)):
        verdict = _with_last_words(world, _guarded(world, lambda: start(world, candidate)), state.name)
        if verdict.gate is Gate.FAILED:
            return _turn_back(world, state, verdict)
    return enter(world, state, Phase.GATING)


def _turn_back(world: World, state: ServiceState, verdict: Verdict) -> ServiceState:
    """Begin to restore; that somebody stopped the service or docker's daemon says nothing of the image."""
    journal, reason = _journal(state), verdict.reason
    if _lost_its_daemon(world, journal):
        reason = f"docker's daemon ended meanwhile: {reason}"
        return begin_restoring(world, state, reason, untried=True)
    # Of a helper that was stopped the service itself knows nothing.
    stopped = verdict.stopped and journal.phase is not Phase.TRYING
    return begin_restoring(world, state, reason, untried=verdict.stopped, stopped=stopped)


def _lost_its_daemon(world: World, journal: RolloutJournal) -> bool:
    if world.engine_kind() is not Engine.DOCKER:
        return False
    daemon = world.unit(_DAEMON)
    # What needs it is stopped first: then it is still up, with a job of its own waiting.
    is_well = daemon.active == "active" and daemon.job == 0
    return not is_well or daemon.started > moment(journal.started).timestamp() * 1e6


def _gate(world: World, state: ServiceState) -> Verdict:
    if not _journal(state).start:
        return PASSED
    candidate = _candidate(state)
    return _with_last_words(world, _guarded(world, lambda: watch(world, candidate)), state.name)


def start(world: World, release: Release) -> Verdict:
    """Restart the unit of a release and judge the job."""
    unit = unit_name(release.service.name)
    limit = job_limit(release)
    world.systemd.reset_failed(unit)
    result = world.systemd.restart(unit, limit, lambda: is_sick(world, release))
    if result is JobResult.CANCELED:
        world.systemd.wait_idle(unit, limit)  # the job that took the place of this one
    now = world.unit(unit)
    return STOPPED if result is JobResult.CANCELED and not now.is_up else judge_job(result, now, limit)


def _with_last_words(world: World, verdict: Verdict, name: str) -> Verdict:
    """Add to a failure what the service said last: more often than not the reason itself."""
    if verdict.gate is not Gate.FAILED or verdict.stopped:
        return verdict
    words = world.systemd.last_words(unit_name(name))
    return failed(f"{verdict.reason}: {words}") if words else verdict


def job_limit(release: Release) -> float:
    """Return how long a restart of *release* may take before Beacon gives up on systemd's own limits."""
    service = release.service
    return health_limit(service) + _START_WITHOUT_HEALTH + service.stop.timeout + _MARGIN


def _runs(world: World, release: Release, *, since: datetime | None = None) -> bool:
    """Say whether the unit runs *release* already: a kill came between the restart and its record.

    A unit that came up before *since* does not, and the engine, which takes its time, is not asked.
    """
    unit = unit_name(release.service.name)
    state = world.unit(unit)
    if state.active != "active" or (since is not None and state.started < since.timestamp() * 1e6):
        return False
    container = world.engine.containers().get(release.service.name)
    return container is not None and container.release == release.number


def _commit(world: World, state: ServiceState) -> Outcome:
    journal, candidate = _journal(state), _candidate(state)
    old = state.release(journal.previous)
    returning = old is not None and candidate.state is ReleaseState.SUPERSEDED
    back = returning and old is not None and old.number > candidate.number
    trigger = Trigger.ROLLBACK if back else candidate.trigger
    candidate = replace(
        candidate, state=ReleaseState.LIVE, trigger=trigger, finished=world.timestamp(), reason=""
    )
    quarantine: tuple[Quarantine, ...] = ()
    if returning:  # the tag has not moved: what was bad before still is
        quarantine = tuple(one for one in state.quarantine if one.digest != candidate.digest)
    if old is not None and old.number != candidate.number:
        ended = ReleaseState.FAILED if old.state is ReleaseState.FAILED else ReleaseState.SUPERSEDED
        reason = f"rolled back to release {candidate.number} by its owner" if back else old.reason
        state = state.with_release(replace(old, state=ended, reason=reason))
        if back:
            quarantine = _with(quarantine, _quarantine(world, old, "its owner rolled it back"))
    state = replace(
        state.with_release(candidate),
        live=candidate.number,
        previous=_way_back(state, candidate, old),
        quarantine=quarantine,
        same=(),
        pending=None,
        rollout=None,
    )
    _bring_up(world, journal.dependents)  # before the journal is gone that knows them
    world.store.save(state)
    world.tell(EventKind.RELEASE_LIVE, _live_message(candidate, old), candidate, old)
    _hook(world, candidate.service.hooks.after_update, hook_environment(candidate))
    if journal.former:
        move.leave(world.on(journal.former), state)
    detail = f"release {candidate.number}, {candidate.reference} at {short(candidate.digest)}"
    if back:
        detail = f"back at {detail}"
    if not journal.start:
        detail += "; no restart needed" if journal.was in _UP - {"failed"} else "; not started"
    if journal.copied:
        detail += f"; {journal.former} keeps what it had in {', '.join(journal.copied)}"
    kind = OutcomeKind.INSTALLED if old is None else OutcomeKind.UPDATED
    return Outcome(state.name, kind, detail, release=candidate.number)


def _way_back(state: ServiceState, candidate: Release, old: Release | None) -> int | None:
    if old is None or old.state is ReleaseState.FAILED:
        return state.previous
    return state.previous if old.number == candidate.number else old.number


def _live_message(candidate: Release, old: Release | None) -> str:
    message = f"Release {candidate.number} of {candidate.service.name} is live: {candidate.pinned}"
    return f"{message}, after release {old.number}" if old and old.number != candidate.number else message


def _restore(world: World, state: ServiceState) -> Outcome:
    """Put files, unit and dependents back as they were before the rollout."""
    journal, candidate = _journal(state), _candidate(state)
    old = state.release(journal.previous)
    unit = unit_name(state.name)
    if old is None or old.number == candidate.number:
        return _fail_without_way_back(world, state)
    world.put_files(journal.before)
    former = world.on(journal.former)
    verdict = PASSED
    if journal.was in _UP and not journal.stopped:
        container = former.engine.containers().get(state.name)
        if container is not None and container.release == old.number:
            world.systemd.wait_idle(unit, job_limit(old))  # a kill came while it was coming up
        if not _runs(former, old):  # it does where the files could not even be written
            verdict = _guarded(world, lambda: start(former, old))
        if verdict.gate is not Gate.FAILED:
            verdict = _guarded(world, lambda: watch(former, old))
    elif journal.start:
        world.systemd.stop(unit, job_limit(old))
        if journal.stopped:
            world.systemd.reset_failed(unit)  # one that was not up yet ends so, and would be updated again
    come_back(world, state, journal)
    move.drop(world, journal.copied)
    if not journal.stopped:  # they may need it, and would start it
        _bring_up(world, journal.dependents)
    return _end_restore(world, state, old, verdict)


_UP = {"active", "activating", "reloading", "refreshing", "failed"}


def _end_restore(world: World, state: ServiceState, old: Release, verdict: Verdict) -> Outcome:
    journal, candidate = _journal(state), _candidate(state)
    reason = journal.reason
    stands = verdict.gate is Gate.PASSED or verdict.stopped
    if journal.untried and stands:
        return _give_up_untried(world, state, old)
    if candidate.state is ReleaseState.CANDIDATE:
        failed_release = replace(
            candidate, state=ReleaseState.FAILED, finished=world.timestamp(), reason=reason
        )
        state = state.with_release(failed_release)
        state = replace(state, quarantine=_with(state.quarantine, _quarantine(world, candidate, reason)))
    state = replace(state, rollout=None)
    world.store.save(state)
    name, back = state.name, f"release {old.number} is back"
    if stands:
        message = f"Release {candidate.number} of {name} failed ({reason}); {back}"
        world.tell(EventKind.ROLLED_BACK, message, candidate, old)
    else:
        message = (
            f"Release {candidate.number} of {name} failed ({reason}), and release {old.number} does not "
            f"stand either ({verdict.reason})"
        )
        world.tell(EventKind.ROLLBACK_FAILED, message, candidate, old)
    _hook(world, candidate.service.hooks.after_rollback, hook_environment(candidate))
    hint = f"beacon logs {name}"
    if stands:
        return Outcome(name, OutcomeKind.ROLLED_BACK, f"{reason}; {back}", hint, old.number)
    if old.state is ReleaseState.FAILED or journal.was not in {"active", "reloading", "refreshing"}:
        detail = f"{reason}; it was down before, at release {old.number}, and still is"
        return Outcome(name, OutcomeKind.FAILED, detail, hint, old.number)
    detail = f"{reason}; release {old.number} does not stand either: {verdict.reason}"
    return Outcome(name, OutcomeKind.ROLLBACK_FAILED, detail, hint, old.number)


def _give_up_untried(world: World, state: ServiceState, old: Release) -> Outcome:
    """End a rollout that something else hindered: its image is as good as before, and is tried again."""
    journal, candidate = _journal(state), _candidate(state)
    if candidate.state is ReleaseState.CANDIDATE:
        state = state.put_aside(candidate)
    state = replace(state, rollout=None)
    world.store.save(state)
    if journal.stopped:
        message = f"The rollout of {state.name} is put off: {journal.reason}"
        world.tell(EventKind.DEFERRED, message, candidate, old)
        detail = f"{journal.reason}; release {old.number} is installed again"
        return Outcome(state.name, OutcomeKind.STOPPED, detail, f"beacon start {state.name}", old.number)
    message = f"Release {candidate.number} of {state.name} could not be installed ({journal.reason})"
    world.tell(EventKind.RELEASE_FAILED, message, candidate, old)
    detail = f"{journal.reason}; release {old.number} runs on"
    return Outcome(state.name, OutcomeKind.FAILED, detail, release=old.number)


def _fail_without_way_back(world: World, state: ServiceState) -> Outcome:
    """End a first release that does not stand: it stays installed, for the owner to look at and mend."""
    journal, candidate = _journal(state), _candidate(state)
    candidate = replace(
        candidate, state=ReleaseState.FAILED, finished=world.timestamp(), reason=journal.reason
    )
    state = replace(state.with_release(candidate), live=candidate.number, rollout=None)
    world.store.save(state)
    message = f"Release {candidate.number} of {state.name} failed: {journal.reason}"
    world.tell(EventKind.RELEASE_FAILED, message, candidate)
    hint = f"beacon logs {state.name}, then beacon edit {state.name}"
    return Outcome(state.name, OutcomeKind.FAILED, journal.reason, hint, candidate.number)


def _bring_up(world: World, units: tuple[str, ...]) -> None:
    """See that what was up before is up again: a restart takes dependents along, a failed start down.

    A start joins the job of a unit that is still coming up, and does nothing to one that is up.
    """
    for unit in units:
        world.systemd.reset_failed(unit)
        world.systemd.start(unit, _START_WITHOUT_HEALTH)


def _guarded(world: World, action: Callable[[], Verdict]) -> Verdict:
    """Return the verdict of *action*; a host that refuses means that the release does not stand.

    Raises GoingDownError where a release seems to have failed because the whole machine is stopping.
    """
    try:
        verdict = action()
    except BeaconError as error:
        verdict = failed(error.message)
    if verdict.gate is Gate.FAILED:
        require_up(world)
    return verdict


def require_up(world: World) -> None:
    """Raise GoingDownError where the machine is being shut down; the journal stays for the next run."""
    if world.systemd.is_going_down():
        raise GoingDownError("the machine is going down", hint="the rollout goes on when it is up again")


def _hook(world: World, command: tuple[str, ...], environment: dict[str, str]) -> str | None:
    return world.hooks.run(command, environment, _HOOK_LIMIT) if command else None


def hook_environment(release: Release) -> dict[str, str]:
    """Return what hooks learn of a release."""
    return {
        "BEACON_SERVICE": release.service.name,
        "BEACON_RELEASE": str(release.number),
        "BEACON_IMAGE": str(release.reference),
        "BEACON_DIGEST": release.digest,
    }


def _quarantine(world: World, release: Release, reason: str) -> Quarantine:
    return Quarantine(
        digest=release.digest,
        tag_digest=release.tag_digest,
        fingerprint=world.fingerprint(release.service),
        since=world.timestamp(),
        reason=reason,
    )


def _with(entries: tuple[Quarantine, ...], entry: Quarantine) -> tuple[Quarantine, ...]:
    key = (entry.digest, entry.fingerprint)
    return (*(one for one in entries if (one.digest, one.fingerprint) != key), entry)


def _journal(state: ServiceState) -> RolloutJournal:
    if state.rollout is None:
        raise HostError(f"no rollout of {state.name} is under way")
    return state.rollout


def _candidate(state: ServiceState) -> Release:
    number = _journal(state).release
    release = state.release(number)
    if release is None:
        raise HostError(f"the state of {state.name} names release {number}, but does not hold it")
    return release
