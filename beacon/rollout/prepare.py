"""All of a rollout before anything of the service has changed: it is written down, pulled, and planned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct, field
from msgspec.structs import replace

from beacon.errors import BeaconError, BusyError, HostError
from beacon.model.event import EventKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import (
    Phase,
    Release,
    ReleaseState,
    RolloutJournal,
    ServiceState,
    Trigger,
    VolumeCopy,
)
from beacon.model.runtime import UnitState
from beacon.model.unit import environment_files, unit_name
from beacon.rollout import move
from beacon.rollout.handover import plan_handover
from beacon.rollout.images import let_go
from beacon.rollout.journal import journal_of
from beacon.rollout.running import bring_up, run_hook
from beacon.rollout.world import World
from beacon.units.mark import is_edited, read_mark


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
    adopted: tuple[VolumeCopy, ...] = ()
    """What it gets of the data of a container that it takes the place of."""

    @property
    def name(self) -> str:
        """The service."""
        return self.candidate.service.name


def begin(world: World, work: Work) -> ServiceState:
    """Write down that a rollout has begun; nothing else has changed yet.

    Raises BusyError where another process has changed the service since the work was planned, HeldError
    where its owner held it.
    """
    state = as_planned(world, work)
    if state.hold is not None and work.candidate.trigger is Trigger.UPDATE:
        raise HeldError("held by its owner meanwhile", hint=f"beacon unhold {work.name}")
    with reserving(world, state, work.candidate):
        return _begin(world, state, work)


def as_planned(world: World, work: Work) -> ServiceState:
    """Return the state of the service of *work*; BusyError where it is not the one that this is for."""
    state = world.store.load(work.name)
    if state.rollout is not None or state.live != work.live:
        raise BusyError(
            f"another beacon has been at work on {work.name!r} meanwhile", hint="try again when it is done"
        )
    return state


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
        adopted=work.adopted,
    )
    state = replace(state, rollout=journal)
    world.store.save(state)
    return state


def fetch(world: World, work: Work, present: Mapping[str, Digest]) -> Digest:
    """Have the candidate's image on disk, verified, and see that the way back is open; return its id.

    *present* is what the engine lists.
    """
    state = world.store.load(work.name)
    candidate, live, former = work.candidate, state.live_release, world.on(journal_of(state).former)
    way_back = present if former is world else former.engine.images()
    if live is not None and live.state is ReleaseState.LIVE and str(live.pinned) not in way_back:
        raise HostError(
            f"{work.name} is left alone: the image of release {live.number}, needed to roll back, is gone",
            hint=f"{former.engine_kind()} pull {live.pinned}, then update again",
        )
    move.require_room(world, state)
    move.secure(world, [state])  # before the hook, which may stop the service
    if candidate.service.hooks.before_update and live is not None:
        _ask_hook(world, state, candidate)
    other = live.pinned if live is not None and former is world and str(live.pinned) in present else None
    with world.naming(work.name, candidate.image.image_id, wait=_PULL_WAIT):
        image_id = present.get(str(candidate.pinned))
        if image_id is None:
            return _pull_whole(world, candidate, other)
        _keep(world, candidate, image_id)
        return image_id


_PULL_WAIT = 3600.0
"""Seconds to wait for another process that pulls the same image."""


def _ask_hook(world: World, state: ServiceState, candidate: Release) -> None:
    """Run before_update. It may stop the service for a backup: it is the rollout then that has it down."""
    unit = unit_name(state.name)
    now = world.unit(unit)
    dependents = world.systemd.dependents(unit)
    journal = replace(journal_of(state), was=_standing(now), dependents=dependents, hook_stopped=now.is_up)
    world.store.save(replace(state, rollout=journal))
    fault = run_hook(world, candidate.service.hooks.before_update, candidate)
    if now.is_up and not world.unit(unit).is_stopped:
        world.store.save(replace(state, rollout=replace(journal, hook_stopped=False)))
    if fault is not None:
        raise HookRefusedError(f"before_update says no: {fault}")


class HookRefusedError(BeaconError):
    """The owner's before_update hook said no; the rollout waits."""


class EditedError(BeaconError):
    """A file that is to be replaced was edited by hand; the owner's work is left alone."""


def require_own(world: World, service: str, files: Iterable[str]) -> None:
    """Raise EditedError where a file that would be written or removed is not as Beacon wrote it."""
    for name in files:
        if is_edited(world.files.read(name)):
            hint = f"beacon apply --overwrite {service}, or keep your change as a drop-in"
            raise EditedError(f"{name} was edited by hand", hint=hint)


class HeldError(BeaconError):
    """Its owner held the service while its update was being prepared."""


class StoppedError(BeaconError):
    """Its owner stopped the service while its rollout was being prepared."""


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
        bring_up(world, (unit, *journal.dependents))
    candidate = state.release(journal.release)
    if candidate is not None and candidate.state is ReleaseState.CANDIDATE:
        state = state.put_aside(candidate)
        with contextlib.suppress(BeaconError):  # a leftover name on an image; tidy() takes it next time
            let_go(world, state.name, candidate.number, candidate.image.image_id)
    world.store.save(replace(state, rollout=None))


def prepare_switch(world: World, work: Work) -> ServiceState:
    """Write down how the service was, and what is about to take its place."""
    state = world.store.load(work.name)
    unit = unit_name(work.name)
    journal = journal_of(state)
    now = world.unit(unit)
    if work.runs and now.is_stopped and not journal.hook_stopped:
        raise StoppedError("stopped by its owner meanwhile", hint=f"beacon start {work.name}")
    copies = bool(journal.former or move.copies(state))
    beside: dict[str, str] = {}
    hold = False
    if work.start and not copies:
        beside, hold = plan_handover(world, work.candidate, state.live_release, now, work.beside)
    phase = Phase.TRYING if beside else Phase.SWITCHING
    if work.candidate.private:
        world.engine.guard(work.candidate.pinned)
    files = {**_outdated(world, state), **work.files}
    state = replace(
        state,
        rollout=replace(
            journal,
            phase=Phase.COPYING if copies else phase,
            beside=beside,
            hold=hold,
            before={name: world.files.read(name) for name in files if _is_own(world, name, files, work.name)},
            after=files,
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


def _is_own(world: World, name: str, files: Mapping[str, str | None], service: str) -> bool:
    """Say whether a file is this service's alone; one of a shared network is not put back with it."""
    text = files[name] or world.files.read(name)
    mark = read_mark(text) if text is not None else None
    return mark is not None and mark.service == service


def _outdated(world: World, state: ServiceState) -> dict[str, None]:
    """Return the files of the live release's environment, which goes when another takes its place."""
    if state.live is None or state.live == journal_of(state).release:
        return {}
    names = environment_files(state.name, state.live)
    return {name: None for name in names if world.files.read(name) is not None}
