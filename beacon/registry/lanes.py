"""Runs jobs on many hosts at once, so that a host that hangs holds up nobody else.

Every host has a lane with threads and a deadline of its own. A thread that a host will not let go of is left
behind: threads are daemons, nobody waits for them, and what they still find out is dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from msgspec import Struct

from beacon.registry.results import Deferred, Failed, FailureKind
from beacon.registry.transport import Deadline

MAX_THREADS = 32

H = TypeVar("H")
K = TypeVar("K")
R = TypeVar("R")

Ready = Callable[[], None]
"""Told by a job when its host is logged in to, so that others need not wait for its end."""


@dataclass(frozen=True, eq=False, slots=True)
class Job(Generic[K, H]):
    """*key* is to be looked up at the first host of *route* that knows; *stop* is where it is."""

    key: K
    route: tuple[H, ...]
    stop: int = 0

    @property
    def host(self) -> H:
        """The host to ask now."""
        return self.route[self.stop]


class Rules(Struct, Generic[K, H, R], frozen=True, kw_only=True):
    """How jobs are done. *late* says what comes of a job that its host did not answer in *seconds*."""

    work: Callable[[Job[K, H], Deadline, Ready], R | Failed | Deferred]
    limit: Callable[[H], int]
    is_guarded: Callable[[Job[K, H]], bool]
    late: Callable[[H], Failed]
    seconds: float
    patient: bool = False
    """Whether *seconds* count from the last answer of a host, not from the beginning."""


@dataclass(eq=False, slots=True)
class Lane(Generic[K, H]):
    """What one host has to do."""

    host: H
    limit: int
    deadline: Deadline
    waiting: deque[Job[K, H]] = field(default_factory=deque)
    running: set[Job[K, H]] = field(default_factory=set)
    threads: int = 0
    is_open: bool = False
    """A lane has one thread until it is known whether its host wants a login."""
    has_answered: bool = False
    silences: int = 0
    failure: Failed | None = None
    """Why nothing more is asked of the host."""

    @property
    def is_busy(self) -> bool:
        """Whether something is still to come."""
        return bool(self.waiting or self.running)


class Lanes(Generic[K, H, R]):
    """One run of jobs. Hosts in *silent* are not asked; those that never answer are added to them."""

    def __init__(self, rules: Rules[K, H, R], silent: dict[H, Failed]) -> None:
        self._rules = rules
        self._silent = silent
        self._changed = threading.Condition()
        self._lanes: dict[H, Lane[K, H]] = {}
        self._results: dict[K, R | Failed | Deferred] = {}
        self._threads = 0
        self._bug: BaseException | None = None

    def run(self, jobs: Iterable[Job[K, H]]) -> dict[K, R | Failed | Deferred]:
        """Return the result of every job, when the last one has come or the last deadline has passed."""
        with self._changed:
            for job in jobs:
                self._submit(job)
            self._share_out()
            for lane in tuple(self._lanes.values()):
                self._staff(lane)
            while self._bug is None and (busy := self._busy()):
                self._changed.wait(min(lane.deadline.remaining() for lane in busy))
                for lane in busy:
                    if lane.is_busy and not lane.deadline.remaining():
                        self._give_up(lane, self._rules.late(lane.host))
            if self._bug is not None:
                raise self._bug
            return dict(self._results)

    def _busy(self) -> list[Lane[K, H]]:
        return [lane for lane in self._lanes.values() if lane.is_busy]

    def _submit(self, job: Job[K, H]) -> None:
        lane = self._lanes.get(job.host)
        failure = lane.failure if lane is not None else self._silent.get(job.host)
        if failure is not None:
            self._settle(job, failure)
            return
        if lane is None or (not lane.is_busy and not lane.deadline.remaining()):
            lane = Lane(job.host, self._rules.limit(job.host), Deadline.within(self._rules.seconds))
            self._lanes[job.host] = lane
        lane.waiting.append(job)

    def _share_out(self) -> None:
        """Limit the threads of every host so that those of one never keep another from its own."""
        lanes = sorted(self._lanes.values(), key=lambda lane: min(lane.limit, len(lane.waiting)))
        left = MAX_THREADS
        for index, lane in enumerate(lanes):
            lane.limit = max(1, min(lane.limit, len(lane.waiting), left // (len(lanes) - index)))
            left -= lane.limit

    def _staff(self, lane: Lane[K, H]) -> None:
        """Start the threads that the lane may have; one it may always have."""
        most = min(lane.limit, lane.threads + len(lane.waiting)) if lane.is_open else 1
        while lane.threads < most and (not lane.threads or self._threads < MAX_THREADS):
            lane.threads += 1
            self._threads += 1
            threading.Thread(target=self._serve, args=(lane,), daemon=True, name="beacon-registry").start()

    def _serve(self, lane: Lane[K, H]) -> None:
        try:
            while (job := self._take(lane)) is not None:
                self._do(lane, job)
        except BaseException as bug:  # noqa: BLE001  # shown by the thread that waits
            with self._changed:
                self._bug = bug
                self._changed.notify_all()

    def _take(self, lane: Lane[K, H]) -> Job[K, H] | None:
        with self._changed:
            if not lane.waiting or not lane.deadline.remaining():  # run() lets go of what is left
                lane.threads -= 1
                self._threads -= 1
                return None
            job = lane.waiting.popleft()
            lane.running.add(job)
            return job

    def _do(self, lane: Lane[K, H], job: Job[K, H]) -> None:
        if not lane.is_open and not self._rules.is_guarded(job):
            self._open(lane)
        result = self._rules.work(job, lane.deadline, lambda: self._open(lane))
        self._open(lane)
        with self._changed:
            if job in lane.running:  # else given up meanwhile
                lane.running.discard(job)
                self._finish(lane, job, result)
                if not lane.is_busy:
                    self._changed.notify_all()

    def _open(self, lane: Lane[K, H]) -> None:
        if lane.is_open:
            return
        with self._changed:
            lane.is_open = True
            self._staff(lane)

    def _finish(self, lane: Lane[K, H], job: Job[K, H], result: R | Failed | Deferred) -> None:
        if not isinstance(result, Failed) or result.kind is not FailureKind.UNREACHABLE:
            lane.has_answered = True
            if self._rules.patient:
                lane.deadline = Deadline.within(self._rules.seconds)
        elif not lane.has_answered:
            lane.silences += 1
            if lane.silences >= lane.threads:  # every thread has heard nothing: no use in asking on
                self._give_up(lane, result)
        self._settle(job, result)

    def _give_up(self, lane: Lane[K, H], failure: Failed) -> None:
        """Let go of all jobs of a host that does not answer."""
        lane.failure = failure
        if not lane.has_answered:
            self._silent[lane.host] = failure
        jobs = [*lane.running, *lane.waiting]
        lane.running.clear()
        lane.waiting.clear()
        for job in jobs:
            self._settle(job, failure)
        self._changed.notify_all()

    def _settle(self, job: Job[K, H], result: R | Failed | Deferred) -> None:
        """Take the result, or have the next host of the route asked, as a pull would."""
        if not isinstance(result, Failed | Deferred) or job.stop + 1 >= len(job.route):
            self._results[job.key] = result
            return
        following = Job(job.key, job.route, job.stop + 1)
        self._submit(following)
        lane = self._lanes.get(following.host)
        if lane is not None:
            self._staff(lane)
