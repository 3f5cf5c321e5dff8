"""All of a rollout before anything of the service has changed: it is written down, pulled, and planned."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from beacon.definition.effective import in_effect
from beacon.errors import BeaconError, BusyError, MachineError
from beacon.model.event import EventKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import Release, ReleaseState, ServiceState, Trigger, UnderWay
from beacon.model.rollout.record import Rollout, RolloutFacts, begun
from beacon.model.runtime import UnitState
from beacon.model.sensitive import named
from beacon.model.unit import unit_name
from beacon.rollout.decisions.down import Down
from beacon.rollout.driving.planned import PlannedRollout, left_engine, rollout_facts
from beacon.rollout.driving.pulling import pull
from beacon.rollout.fallen import down_because
from beacon.rollout.handling import move
from beacon.rollout.handling.listening import addresses_to_answer
from beacon.rollout.handling.networks import make_lost_networks
from beacon.rollout.handling.requirements import require_startable
from beacon.rollout.images import remove_untrusted
from beacon.rollout.sharing.pulls import PullGate
from beacon.rollout.tools import Tools
from beacon.units.mark import is_edited


class StaleError(BusyError):
    """What a rollout was planned on is not so any more, and nobody is at work: it can be planned anew."""


def note_candidate(tools: Tools, planned: PlannedRollout) -> None:
    """Note the candidate before its image is pulled, so that the image is found again whatever happens.

    Nobody waits for a pull: the lock of the service is free meanwhile. Raises BusyError if another process
    has changed the service since the rollout was planned, HeldError if its owner held it.
    """
    with tools.store.lock(planned.name):
        state = as_planned(tools, planned)
        with reserving(tools, state, planned.candidate):
            if state.release(planned.candidate.number) is None:
                tools.store.save(state.with_spare(planned.candidate))


def as_planned(tools: Tools, planned: PlannedRollout) -> ServiceState:
    """Return the state of its service; StaleError if it is not the one that this was *planned* for.

    Raises BusyError if a rollout of it is under way, HeldError if its owner held the service meanwhile.
    """
    state = tools.store.load(planned.name)
    taken = state.release(planned.candidate.number)
    is_another = taken is not None and taken.digest != planned.candidate.digest
    is_older = state.live != planned.live or (planned.basis is not None and planned.basis != state.basis)
    if state.rollout is not None:
        raise BusyError(f"another beacon is at work on {planned.name!r}", hint="try again when it is done")
    if is_older or is_another:
        raise StaleError(f"another beacon has been at work on {planned.name!r} meanwhile", hint="try again")
    if state.hold is not None and planned.candidate.trigger is Trigger.UPDATE:
        raise HeldError("held by its owner meanwhile", hint=f"beacon unhold {planned.name}")
    return state


@contextlib.contextmanager
def reserving(tools: Tools, state: ServiceState, release: Release) -> Iterator[None]:
    """See that ports of the loopback and a domain that are new to the service are still nobody else's."""
    new = set(release.ports.values()) - set(state.ports.values())
    name = release.domain if release.domain != state.domain else ""
    if not new and not name:
        yield
        return
    with tools.store.lock(_PORTS, wait=_PORTS_WAIT):
        others = {
            port: other
            for other, ports in tools.store.ports().items()
            for port in ports.values()
            if other != state.name
        }
        for port in sorted(new & others.keys()):
            raise StaleError(
                f"port {port}, meant for {state.name}, has gone to {others[port]} meanwhile", hint="try again"
            )
        for other, domain in tools.store.domains().items() if name else ():
            if domain == name and other != state.name:
                raise StaleError(
                    f"{name}, meant for {state.name}, has gone to {other} meanwhile", hint="try again"
                )
        yield


_PORTS = "_ports"
"""The lock of those who take ports; no service has such a name."""


_PORTS_WAIT = 30.0


def fetch(
    tools: Tools, planned: PlannedRollout, present: MutableMapping[str, Digest], gate: PullGate
) -> None:
    """Have the candidate's image on disk, verified, and see that the way back is open.

    *present* is what the engine lists; the image is added to it. The pull waits for its turn at *gate*.
    """
    candidate, live = planned.candidate, tools.store.load(planned.name).live_release
    former = tools.on(left_engine(tools, planned.name))
    way_back = present if former is tools else former.engine.images()
    if live is not None and live.state is ReleaseState.LIVE and str(live.pinned) not in way_back:
        raise MachineError(
            f"{planned.name} is left alone: the image of release {live.number}, needed to roll back, is gone",
            hint=f"{former.engine_kind()} pull {live.pinned}, then update again",
        )
    other = live.pinned if live is not None and former is tools and str(live.pinned) in present else None
    image_id = candidate.image.image_id
    with (
        _in_turn(tools, planned.name) as turn,
        gate.of_image(candidate, turn),
        tools.image_names(planned.name, image_id, wait=_PULL_WAIT),
    ):
        is_partial = tools.store.is_partial(image_id)
        if is_partial:
            remove_untrusted(tools, candidate)
            present.pop(str(candidate.pinned), None)
        elif str(candidate.pinned) in present:
            _keep(tools, candidate, present[str(candidate.pinned)])
            return
        with gate.of_registry(candidate, turn):
            whole = image_id in present.values() and not is_partial

            def holds_up_others() -> bool:
                return gate.holds_up_others(candidate)

            image_id = _pull_whole(tools, planned, other, whole=whole, holds_up_others=holds_up_others)
            present[str(candidate.pinned)] = image_id


_PULL_WAIT = 3600.0
"""Seconds to wait for another process that pulls the same image."""


@contextlib.contextmanager
def _in_turn(tools: Tools, name: str) -> Iterator[Callable[[], None]]:
    """Yield what is called again and again while a service waits until its image may be pulled."""
    began = tools.clock.monotonic()

    def ask() -> None:
        tools.require_wanted()
        tools.reporter.waiting(name, "waiting for its turn to pull", tools.clock.monotonic() - began)

    try:
        yield ask
    finally:
        tools.reporter.waiting(name, "")


class EditedError(BeaconError):
    """A file that is to be replaced was edited by hand; the owner's work is left alone."""


def require_own(tools: Tools, service: str, files: Iterable[str]) -> None:
    """Raise EditedError where a file that would be written or removed is not as Beacon wrote it."""
    for name in files:
        if is_edited(tools.files.read(name)):
            hint = f"beacon apply --overwrite {service}, or keep your change as a drop-in"
            raise EditedError(f"{name} was edited by hand", hint=hint)


class HeldError(BeaconError):
    """Its owner held the service while its update was being prepared."""


class StoppedError(BeaconError):
    """Its owner stopped the service while its rollout was being prepared."""


def regain(tools: Tools, live: Release) -> None:
    """Have what *live* starts from in its engine, which may have lost its image or networks to a prune.

    One that does not answer keeps no service from being started: docker's daemon may be started with it.
    Raises CanceledError once its owner stops or removes the service.
    """
    name = live.service.name
    tools = tools.on(left_engine(tools, name)).unless(lambda: is_to_be_down(tools, name))
    if _is_lost(tools, live):
        with tools.image_names(name, live.image.image_id, wait=_PULL_WAIT):
            if tools.store.is_partial(live.image.image_id):
                remove_untrusted(tools, live)
            _pull_whole(tools, PlannedRollout(live, {}, live.number), None)
    with contextlib.suppress(MachineError):
        make_lost_networks(tools, in_effect(live))
        tools.secrets.provide(named(live.secrets))


def is_to_be_down(tools: Tools, name: str) -> bool:
    """Say whether somebody waits to stop or remove the service *name*."""
    halt = tools.store.halt(name)
    return halt is not None and halt.leaves_down


def _is_lost(tools: Tools, live: Release) -> bool:
    """Say whether the image of *live* is not there, or perhaps not as a whole; unknown is no."""
    try:
        there = tools.engine.image_config(live.pinned) is not None
    except MachineError:
        return False
    return not there or tools.store.is_partial(live.image.image_id)


def _pull_whole(
    tools: Tools,
    planned: PlannedRollout,
    other: ImageReference | None,
    *,
    whole: bool = False,
    holds_up_others: Callable[[], bool] = lambda: False,
) -> Digest:
    """Fetch an image, keep it, and have it on the disk; *other* is one that is there already.

    *whole* says that the image is there by another name. Each command takes the engine a moment: what another
    one does not need is done beside it.
    """
    release, mark = planned.candidate, tools.store.mark_partial
    with ThreadPoolExecutor(1) as hand:
        marked = hand.submit(lambda: mark(release.image.image_id, partial=not whole))
        folder = hand.submit(tools.engine.image_folder, other) if other is not None else None
        try:
            image_id = pull(tools, release, planned.layers, holds_up_others)
        except BeaconError:  # it has ended, and nothing of it has a name
            marked.result()
            mark(release.image.image_id, partial=False)
            raise
        marked.result()
        folder = folder or hand.submit(tools.engine.image_folder, release.pinned)
        flushed = hand.submit(lambda: tools.engine.flush(folder.result()))
        _keep(tools, release, image_id)
        flushed.result()
    mark(release.image.image_id, partial=False)
    return image_id


def _keep(tools: Tools, release: Release, image_id: Digest) -> None:
    if image_id not in release.image_ids:
        promised = release.image.image_id
        raise MachineError(
            f"{release.pinned} is not what the registry promised: image {image_id}, not {promised}"
        )
    tools.engine.keep(image_id, release.service.name, release.number)


def begin(tools: Tools, planned: PlannedRollout) -> tuple[ServiceState, Rollout]:
    """Write down what a rollout is planned from, and its steps; the caller holds the service's lock.

    Raises what :func:`as_planned` does, StoppedError if its owner stopped it since, EditedError if a file
    that would be replaced was edited by hand, MachineError where the machine lacks what a start needs.
    """
    state = as_planned(tools, planned)
    candidate, now = planned.candidate, tools.unit(unit_name(planned.name))
    if state.release(candidate.number) is None and not _is_last(state, candidate):
        raise StaleError(f"another beacon has been at work on {planned.name!r} meanwhile", hint="try again")
    live = state.live_release
    if planned.runs and now.is_stopped:
        if live is None or down_because(tools.systemd, live, now) is not Down.ENDED:
            raise StoppedError("stopped by its owner meanwhile", hint=f"beacon start {planned.name}")
        planned = replace(
            planned, start=False
        )  # a job that ended meanwhile: the next start runs the candidate
    if now.is_up and not planned.start and live is not None and live.digest != candidate.digest:
        raise StaleError(f"{planned.name!r} was started meanwhile", hint="try again")
    if not planned.overwrite:
        require_own(tools, planned.name, planned.files)  # somebody may have edited one during the pull
    if planned.start:
        require_startable(tools, candidate, live, now)
    with reserving(tools, state, candidate):
        rollout = begun(_facts(tools, state, planned, now), tools.systemd.boot_id())
        state = replace(_with_candidate(state, candidate), rollout=UnderWay(candidate.number))
        tools.store.save_rollout(rollout)
        tools.store.save(state)
    _announce_start(tools, state, planned)
    return state, rollout


def _facts(tools: Tools, state: ServiceState, planned: PlannedRollout, now: UnitState) -> RolloutFacts:
    """Return what the rollout is planned from; what cannot be done is refused here."""
    candidate = planned.candidate
    facts = rollout_facts(tools, state, planned, now)
    move.require_room(tools, facts)
    move.secure(tools, [state])  # before the hook, which may stop the service
    if candidate.private:
        tools.engine.guard(candidate.pinned)
    if not planned.start:
        return facts
    return replace(facts, addresses=addresses_to_answer(tools, candidate, state.live_release, now))


def _is_last(state: ServiceState, candidate: Release) -> bool:
    """Say whether *candidate* was noted last before a pull: else it was removed, or has a successor."""
    return bool(state.spare) and state.spare[-1].pinned == candidate.pinned


def _with_candidate(state: ServiceState, candidate: Release) -> ServiceState:
    known = state.release(candidate.number)
    spare = tuple(one for one in state.spare if one.pinned != candidate.pinned)
    if known is None:
        return replace(state.with_release(candidate), spare=spare)
    return state.with_release(replace(known, ports=candidate.ports, domain=candidate.domain))


def _announce_start(tools: Tools, state: ServiceState, planned: PlannedRollout) -> None:
    candidate, old = planned.candidate, state.live_release
    instead = f" in the place of release {old.number}" if old and old.number != candidate.number else ""
    message = f"Release {candidate.number} of {planned.name} is rolled out{instead}: {candidate.pinned}"
    tools.log(EventKind.ROLLOUT_STARTED, message, candidate, old)
