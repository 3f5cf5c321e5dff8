"""Operations under way: each can be watched and canceled from another process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from beacon.errors import UsageError
from beacon.formats.moments import stamp
from beacon.operations.listener import Cancelable, Listener, Nobody, Progress, report
from beacon.operations.machine import Machine
from beacon.state.operations import Operations, RunningOperation
from beacon.wire.operation import OperationList

R = TypeVar("R", bound=Struct)
A = TypeVar("A")
Asked = Callable[[Machine, R, Listener], A]


class OperationRequest(Struct, frozen=True):
    """Which operation."""

    id: str


def watchable(verb: str) -> Callable[[Asked[R, A]], Asked[R, A]]:
    """Have an operation that changes services be watched and canceled by others while it runs.

    It is refused first to whoever may not change services.
    """

    def wrap(operation: Asked[R, A]) -> Asked[R, A]:
        @functools.wraps(operation)
        def run(machine: Machine, request: R, listener: Listener) -> A:
            machine.require_write(verb)
            machine.outbox.log_left()
            now = stamp(datetime.now(UTC))
            with Operations(machine.paths.runtime).begun(verb, _services(request), now) as running:
                return operation(machine, request, _Watched(listener, running))

        return run

    return wrap


def _services(request: Struct) -> tuple[str, ...]:
    """Return the services that a request names; none are all of them."""
    several: tuple[str, ...] | None = getattr(request, "services", None)
    return (str(getattr(request, "service", "")),) if several is None else several


class _Watched:
    """Reports to whoever asked for an operation, and to all who watch it (a Cancelable)."""

    def __init__(self, listener: Listener, running: RunningOperation) -> None:
        self._listener = listener
        self._running = running
        self._task = listener if isinstance(listener, Cancelable) else running

    def hear(self, progress: Progress) -> None:
        """Hand *progress* on; one who could not listen is asked no more."""
        self._running.add_line(msgspec.json.encode(progress).decode())
        if not report(self._listener, progress):
            self._listener = Nobody()

    def is_canceled(self) -> bool:
        """Say whether whoever asked for it, or somebody else, has thought better of it."""
        return self._running.is_canceled() or self._task.is_canceled()


def operations(machine: Machine, request: None, listener: Listener) -> OperationList:
    """Return the operations under way."""
    del request, listener
    return OperationList(operations=Operations(machine.paths.runtime).all())


def watch(machine: Machine, request: OperationRequest, listener: Listener) -> None:
    """Have *listener* hear the progress of an operation from its beginning, until it ends.

    Raises UsageError if there is none of that id.
    """
    under_way = Operations(machine.paths.runtime)
    if not under_way.is_under_way(request.id):
        raise _none(request.id)
    for line in under_way.lines(request.id):
        if not report(listener, msgspec.json.decode(line, type=Progress)):
            return


def cancel(machine: Machine, request: OperationRequest, listener: Listener) -> None:
    """Have an operation end as soon as it can: what is done stays, what is begun is put back.

    Raises UsageError if there is none of that id.
    """
    del listener
    machine.require_write("cancel")
    if not Operations(machine.paths.runtime).cancel(request.id):
        raise _none(request.id)


def _none(wanted: str) -> UsageError:
    return UsageError(f"no operation {wanted!r} is under way", hint="it may have ended already")
