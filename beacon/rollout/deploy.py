"""Many rollouts at once, each in a pipeline of its own: no service waits for one that it does not need."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from beacon.definition.rules import requirements
from beacon.errors import BeaconError, BusyError, CanceledError, LimitError, RegistryError
from beacon.model.outcome import Outcome, OutcomeKind, edited_by_hand
from beacon.model.reference import Digest, short
from beacon.model.release import Release, ReleaseState
from beacon.model.runtime import UnitState
from beacon.model.service import Service
from beacon.model.unit import unit_name
from beacon.rollout.checking.candidates import concurrently
from beacon.rollout.decisions.decide import entry_gate, passed_over
from beacon.rollout.driving.driver import finish
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.prepare import (
    EditedError,
    HeldError,
    StaleError,
    StoppedError,
    as_planned,
    begin,
    fetch,
    note_candidate,
)
from beacon.rollout.driving.pulling import GaveWayError
from beacon.rollout.driving.quarantine import quarantined, second_try_of
from beacon.rollout.driving.resuming import attempt
from beacon.rollout.images import prune, remove_unknown
from beacon.rollout.readings import readable
from beacon.rollout.sharing.pulls import PullGate
from beacon.rollout.tools import Tools

T = TypeVar("T")

Images = Mapping[str, Digest]
"""What an engine lists: name → id."""

_POLL = 0.2
_LOCK_WAIT = 60.0
"""Seconds to wait for who works on a service when its image is there: its owner stops it, say."""


def deploy(
    tools: Tools,
    rollouts: Sequence[PlannedRollout],
    *,
    also: Mapping[str, None] | None = None,
    patience: float = 10.0,
) -> tuple[Outcome, ...]:
    """Bring every service of *rollouts* to its candidate; the outcome of one never hinders another.

    *also* names further files to remove. *patience* is how long, in seconds, a service waits for the pull of
    one that it needs.
    """
    run = _Run(tools, lambda planned: planned, tools.engine.images, patience)
    outcomes = run.bring(rollouts)
    with contextlib.suppress(BeaconError):  # who asked for it sees which are left
        tools.put_files(also or {})
    return _pruned(tools, rollouts, outcomes)


def deploy_carefully(
    tools: Tools,
    rollouts: Sequence[PlannedRollout],
    render: Callable[[PlannedRollout], PlannedRollout],
    images: Callable[[], Images],
) -> tuple[Outcome, ...]:
    """Do the same, and of several services on one image bring the first of *rollouts* to it first.

    That is one that is up, and needs none of the others. These follow only if it is healthy; if not, the
    image is quarantined for them too, untried. If the machine hindered it, they wait; if it never came to a
    try, another goes first. An image that is live and healthy in a service needs no such try. They get their
    files from *render*, while the engine pulls. *images* are those on disk now.
    """
    run = _Run(tools, render, images)
    units = tools.systemd.states([unit_name(planned.name) for planned in rollouts])
    by_name = {planned.name: planned for planned in sorted(rollouts, key=lambda planned: planned.name)}
    order = needed_first([planned.candidate.service for planned in by_name.values()])
    groups: dict[Digest, list[PlannedRollout]] = {}
    # A service that is down or failing already says little of an image: a healthy one goes first.
    for planned in sorted(
        (by_name[name] for name in order), key=lambda planned: _is_weak_proof(planned, units)
    ):
        groups.setdefault(planned.candidate.digest, []).append(planned)
    ends = _side_by_side(run.bring_carefully, list(groups.values()))
    return _pruned(tools, rollouts, [outcome for end in ends for outcome in end])


def _is_weak_proof(planned: PlannedRollout, units: Mapping[str, UnitState]) -> int:
    """Return how little the try of a service says of its image; one that is not to start says nothing."""
    return 0 if units[unit_name(planned.name)].active == "active" else 1 if planned.start else 2


def needed_first(services: Sequence[Service]) -> list[str]:
    """Return the names of *services*, each after those that it needs."""
    needs = {one.name: sorted({name for _, name in requirements(one)}) for one in services}
    ordered: list[str] = []
    seen: set[str] = set()

    def place(name: str) -> None:
        if name in needs and name not in seen:
            seen.add(name)
            for need in needs[name]:
                place(need)
            ordered.append(name)

    for name in needs:
        place(name)
    return ordered


def _side_by_side(action: Callable[[T], list[Outcome]], items: Sequence[T]) -> list[list[Outcome]]:
    """Return what *action* makes of each item; each has a thread, since any of them may wait for long."""
    return concurrently(max(len(items), 1), action, items)


def _pruned(
    tools: Tools, rollouts: Sequence[PlannedRollout], outcomes: Iterable[Outcome]
) -> tuple[Outcome, ...]:
    if rollouts:
        prune(tools, [planned.name for planned in rollouts])
    return tuple(sorted(outcomes, key=lambda outcome: outcome.service))


class _Run:
    """The rollouts of one run: *render* gives each its files, *images* are those on disk at its begin."""

    def __init__(
        self,
        tools: Tools,
        render: Callable[[PlannedRollout], PlannedRollout],
        images: Callable[[], Images],
        patience: float = 10.0,
    ) -> None:
        self._tools = dataclasses.replace(tools, await_needed=self._await_needed)
        self._render = render
        self._images = images
        self._patience = patience
        self._present: MutableMapping[str, Digest] | None = None
        self._listing = threading.Lock()
        self._gate = PullGate()
        self._changed = threading.Condition()
        self._open: dict[str, bool] = {}
        """The services whose pipelines have not ended, and whether others that need them wait for that."""
        self._awaited: dict[str, set[str]] = {}
        """Which others the services wait for that wait; two that need each other do not both."""
        self._begun: set[str] = set()
        """The services whose rollouts came so far that something of them changed."""

    def bring(self, rollouts: Sequence[PlannedRollout]) -> list[Outcome]:
        """Return how each of *rollouts* ended, all side by side."""
        for planned in rollouts:
            self._open[planned.name] = planned.live is None  # then its unit is not there yet
        return [outcome for end in _side_by_side(self._carry, rollouts) for outcome in end]

    def bring_carefully(self, rollouts: Sequence[PlannedRollout]) -> list[Outcome]:
        """Return how each of *rollouts* ended, which are all of one image."""
        outcomes: list[Outcome] = []
        waiting = list(rollouts)
        while len(waiting) > 1 and not self._is_proven(waiting[0].candidate):
            canary, *waiting = waiting
            with self._gate.lining_up(planned.candidate for planned in waiting):
                (outcome,) = self.bring([canary])
            outcomes.append(outcome)
            try:
                release = _tried(self._tools, canary)
            except BeaconError as error:
                return [*outcomes, *(unbegun(planned.name, error) for planned in waiting)]
            if release is not None and release.state is ReleaseState.LIVE:
                break
            if release is not None:
                return [*outcomes, *(_spare(self._tools, planned, outcome) for planned in waiting)]
            if canary.name in self._begun and outcome.kind is not OutcomeKind.STOPPED:
                return [*outcomes, *(_untried(planned, outcome) for planned in waiting)]
        return [*outcomes, *self.bring(waiting)]

    def _is_proven(self, candidate: Release) -> bool:
        """Say whether the image is live in a service already, and up; unknown is no."""
        try:
            return self._is_up_somewhere(candidate)
        except BeaconError:
            return False

    def _is_up_somewhere(self, candidate: Release) -> bool:
        tools = self._tools
        known, _ = readable(tools.store, tools.store.names())
        live = [one for state in known.values() if (one := state.live_release) is not None]
        same = [
            unit_name(one.service.name)
            for one in live
            if one.digest == candidate.digest and one.state is ReleaseState.LIVE
        ]
        return any(unit.active == "active" for unit in tools.systemd.states(same).values()) if same else False

    def _carry(self, planned: PlannedRollout) -> list[Outcome]:
        """Bring one service to its candidate: pull, then lock, write down, and carry out."""
        try:
            return [attempt(self._tools, planned.name, lambda: self._roll_out(planned))]
        finally:
            with self._changed:
                self._open.pop(planned.name, None)
                self._changed.notify_all()

    def _roll_out(self, planned: PlannedRollout) -> Outcome:
        tools = self._tools
        try:
            tools.require_wanted()
            note_candidate(tools, planned)
            with ThreadPoolExecutor(1) as hand:
                rendered = hand.submit(self._render, planned)
                fetch(tools, planned, self._on_disk(), self._gate)
                planned = rendered.result()
            tools.require_wanted()
        except BeaconError as error:
            return unbegun(planned.name, error)
        # A pull may outlast the window: the image is on the disk then for when that opens again.
        seen = planned.first_seen
        closed = entry_gate(planned.candidate.service, seen, tools.clock.now()) if seen is not None else None
        if closed is not None:
            return closed
        try:
            with tools.store.lock(planned.name, wait=_LOCK_WAIT):
                return self._change(planned)
        except BusyError as error:
            return Outcome(planned.name, OutcomeKind.BUSY, error.message)

    def _change(self, planned: PlannedRollout) -> Outcome:
        try:
            state, rollout = begin(self._tools, planned)
        except BeaconError as error:
            remove_unknown(self._tools, planned.candidate)
            return unbegun(planned.name, error)
        with self._changed:
            self._open[planned.name] = True
        self._begun.add(planned.name)
        outcome = finish(self._tools, state, rollout)
        if outcome.kind is OutcomeKind.DEFERRED:  # its hook refused, and nothing has changed
            self._begun.discard(planned.name)
        return outcome

    def _on_disk(self) -> MutableMapping[str, Digest]:
        with self._listing:
            if self._present is None:
                self._present = dict(self._images())
            return self._present

    def _await_needed(self, service: Service, ask: Callable[[], None]) -> None:
        """Wait for the rollouts of what *service* needs: each would restart it once more.

        One that is only being pulled is not waited for long, unless it is the first of its service.
        """
        needed = {name for _, name in requirements(service)}  # the one whose network it shares, too
        began = time.monotonic()

        def is_free() -> bool:
            of_all = time.monotonic() - began < self._patience
            waiting = (name for name in needed if service.name not in self._awaited.get(name, ()))
            return not any(name in self._open and (of_all or self._open[name]) for name in waiting)

        with self._changed:
            self._awaited[service.name] = needed
            try:
                while not self._changed.wait_for(is_free, _POLL):
                    ask()
                    others = ", ".join(sorted(needed & self._open.keys()))
                    waited = time.monotonic() - began
                    self._tools.reporter.waiting(
                        service.name, f"waiting for {others}, which it needs", waited
                    )
            finally:
                del self._awaited[service.name]


def _untried(planned: PlannedRollout, canary: Outcome) -> Outcome:
    detail = f"not tried, after {canary.service}: {canary.detail.partition(';')[0]}"
    return Outcome(planned.name, OutcomeKind.DEFERRED, detail, release=planned.live)


def unbegun(name: str, error: BeaconError) -> Outcome:
    """Return how the rollout of a service ended that *error* kept from changing anything."""
    if isinstance(error, EditedError):
        return edited_by_hand(name, error.message, error.hint)
    return Outcome(name, kind_of(error), error.message, error.hint, stale=isinstance(error, StaleError))


def kind_of(error: BeaconError) -> OutcomeKind:
    """Return what has come of a service whose rollout *error* kept from changing anything."""
    for sort, kind in _KINDS.items():
        if isinstance(error, sort):
            return kind
    return OutcomeKind.FAILED


_KINDS: Mapping[type[BeaconError], OutcomeKind] = {
    CanceledError: OutcomeKind.DEFERRED,
    GaveWayError: OutcomeKind.DEFERRED,
    LimitError: OutcomeKind.DEFERRED,
    EditedError: OutcomeKind.HELD,
    HeldError: OutcomeKind.HELD,
    StoppedError: OutcomeKind.STOPPED,
    RegistryError: OutcomeKind.UNCHECKED,
    BusyError: OutcomeKind.BUSY,
}


def _tried(tools: Tools, planned: PlannedRollout) -> Release | None:
    """Return the release that the candidate has become; None where it never came to that."""
    release = tools.store.load(planned.name).release(planned.candidate.number)
    ended = {ReleaseState.LIVE, ReleaseState.FAILED}
    same = release is not None and release.digest == planned.candidate.digest and release.state in ended
    return release if same else None


def _spare(tools: Tools, planned: PlannedRollout, canary: Outcome) -> Outcome:
    """Quarantine the image for a service that did not have to try it."""
    reason = f"it failed on {canary.service}: {canary.detail.partition(';')[0]}"
    candidate = planned.candidate
    try:
        with tools.store.lock(planned.name):
            state = as_planned(tools, planned)
            state = quarantined(tools, state, candidate, reason, second_try_of(tools, state, candidate))
            tools.store.save(state)
    except BeaconError as error:
        return unbegun(planned.name, error)
    detail = f"{short(candidate.tag_digest)} is {passed_over(state.quarantine[-1])}"  # as later checks say
    return Outcome(planned.name, OutcomeKind.QUARANTINED, detail, release=state.live, digest=candidate.digest)
