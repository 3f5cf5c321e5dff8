"""Starting, stopping and restarting services, and whether they follow their images."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from beacon.model.event import Event, EventKind
from beacon.model.notice import Notice
from beacon.model.outcome import OutcomeKind
from beacon.model.release import Hold
from beacon.model.rollout.halt import Halt
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.reconcile.approval import what_to_do
from beacon.rollout.jobs import run_job
from beacon.rollout.proposing import waiting as waits
from beacon.rollout.tools import Tools
from beacon.wire.control import Approved, Done, Rejected

T = TypeVar("T")


class ServiceRequest(Struct, frozen=True):
    """Which service."""

    service: str


class HoldRequest(Struct, frozen=True):
    """Which service, and why it is held."""

    service: str
    reason: str = ""


class WaitingRequest(Struct, frozen=True):
    """Which release: how its digest begins, or the only one that waits if *digest* is empty."""

    service: str
    digest: str = ""


def start(machine: Machine, request: ServiceRequest, listener: Listener) -> Done:
    """Start a service as ``systemctl start`` does. Raises MachineError if it does not come up."""
    return _job(machine, "start", request.service, listener)


def stop(machine: Machine, request: ServiceRequest, listener: Listener) -> Done:
    """Stop a service; updates leave it stopped, and one under way turns back.

    Raises MachineError if systemd cannot.
    """
    return _job(machine, "stop", request.service, listener)


def restart(machine: Machine, request: ServiceRequest, listener: Listener) -> Done:
    """Restart a service, at the release that it is at. Raises MachineError if it does not come up."""
    return _job(machine, "restart", request.service, listener)


def hold(machine: Machine, request: HoldRequest, listener: Listener) -> Done:
    """Stop following the image; the service stays at its release, and an update under way turns back."""
    held = Hold(machine.tools_for(listener).timestamp(), request.reason)
    why = f": {request.reason}" if request.reason else ""
    what = ("hold", EventKind.HELD, f"is held by its owner{why}")
    return _hold(machine, what, request.service, held, listener)


def unhold(machine: Machine, request: ServiceRequest, listener: Listener) -> Done:
    """Follow the image again."""
    what = ("unhold", EventKind.UNHELD, "follows its image again")
    return _hold(machine, what, request.service, None, listener)


def approve(machine: Machine, request: WaitingRequest, listener: Listener) -> Approved:
    """Let a release start that waits for its owner's word; the next update rolls it out.

    Raises UsageError if none or more than one is meant.
    """
    name, waiting = _answer(machine, "approve", request, waits.approve, listener)
    image = waiting.reference.with_digest(waiting.digest)
    return Approved(service=name, release=str(image), to_do=what_to_do(name, waiting))


def reject(machine: Machine, request: WaitingRequest, listener: Listener) -> Rejected:
    """Have an update passed over that waits for its owner's word, until its tag names another image.

    Of one that failed, and is passed over already, it is noted that the owner knows.
    Raises UsageError if none or more than one is meant, or if the definition asks for it.
    """
    name, image = _answer(machine, "reject", request, waits.reject, listener)
    to_do = f"beacon update --retry {name} asks again"
    return Rejected(service=name, release=str(image), to_do=to_do)


def _answer(
    machine: Machine,
    verb: str,
    request: WaitingRequest,
    give: Callable[[Tools, str, str], T],
    listener: Listener,
) -> tuple[str, T]:
    machine.require_write(verb)
    (name,) = machine.select([request.service])
    with machine.alone([name], listener):
        return name, give(machine.tools_for(listener), name, request.digest)


def _job(machine: Machine, verb: str, service: str, listener: Listener) -> Done:
    machine.require_write(verb)
    (name,) = machine.select([service])
    tools = machine.tools_for(listener)
    with machine.alone([name], listener, halt=Halt.STOP if verb == "stop" else None):
        run_job(tools, verb, name)
    back = machine.rollouts_for(tools).bring_back(name) if verb != "stop" else ()
    lost = [one for one in back if one.kind is OutcomeKind.FAILED]
    return Done(
        service=name, warnings=tuple(Notice(f"{one.service}: {one.detail}", one.hint) for one in lost)
    )


def _hold(
    machine: Machine,
    what: tuple[str, EventKind, str],
    service: str,
    hold: Hold | None,
    listener: Listener,
) -> Done:
    """Have a service held or not; *what* is the verb, and the event with its words."""
    verb, kind, said = what
    machine.require_write(verb)
    (name,) = machine.select([service])
    with machine.alone([name], listener, halt=Halt.HOLD if hold is not None else None):
        state = replace(machine.store.load(name), hold=hold)
        event = Event(kind, name, f"{name} {said}", release=state.live)
        machine.tools_for(listener).reporter.event(event, state)
    return Done(service=name)
