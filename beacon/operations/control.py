"""Starting, stopping and restarting services, and whether they follow their images."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import HostError
from beacon.model.release import Hold, ServiceState
from beacon.model.runtime import JobResult
from beacon.model.unit import unit_name
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.reconcile.approval import what_to_do
from beacon.rollout.decide import judge_job
from beacon.rollout.move import secure
from beacon.rollout.waiting import approve as give_word
from beacon.wire.control import Approved, Done

_LIMIT = 600.0
"""Seconds for a unit's job to end."""


class ServiceRequest(Struct, frozen=True):
    """Which service."""

    service: str


class HoldRequest(Struct, frozen=True):
    """Which service, and why it is held."""

    service: str
    reason: str = ""


class ApproveRequest(Struct, frozen=True):
    """Which release: how its digest begins, or the only one that waits if *digest* is empty."""

    service: str
    digest: str = ""


def start(machine: Machine, request: ServiceRequest, listener: Listener) -> Done:
    """Start a service as ``systemctl start`` does. Raises HostError if it does not come up."""
    return _job(machine, "start", request.service, machine.systemd.start, listener)


def stop(machine: Machine, request: ServiceRequest, listener: Listener) -> Done:
    """Stop a service; updates leave it stopped. Raises HostError if systemd cannot."""
    return _job(machine, "stop", request.service, machine.systemd.stop, listener)


def restart(machine: Machine, request: ServiceRequest, listener: Listener) -> Done:
    """Restart a service, at the release that it is at. Raises HostError if it does not come up."""
    return _job(machine, "restart", request.service, machine.systemd.restart, listener)


def hold(machine: Machine, request: HoldRequest, listener: Listener) -> Done:
    """Stop following the image; the service stays at its release."""
    held = Hold(machine.world_for(listener).timestamp(), request.reason)
    return _change(machine, "hold", request.service, lambda state: replace(state, hold=held), listener)


def unhold(machine: Machine, request: ServiceRequest, listener: Listener) -> Done:
    """Follow the image again."""
    return _change(machine, "unhold", request.service, lambda state: replace(state, hold=None), listener)


def approve(machine: Machine, request: ApproveRequest, listener: Listener) -> Approved:
    """Let a release start that waits for its owner's word; the next update rolls it out.

    Raises UsageError if none or more than one is meant.
    """
    machine.require_write("approve")
    (name,) = machine.select([request.service])
    with machine.alone([name], listener):
        waiting = give_word(machine.world_for(listener), name, request.digest)
    release = str(waiting.reference.with_digest(waiting.digest))
    return Approved(service=name, release=release, to_do=what_to_do(name, waiting))


def _job(
    machine: Machine,
    verb: str,
    service: str,
    action: Callable[[str, float], JobResult],
    listener: Listener,
) -> Done:
    machine.require_write(verb)
    (name,) = machine.select([service])
    unit = unit_name(name)
    with machine.alone([name], listener):
        secure(machine.world_for(listener), [machine.store.load(name)])
        if verb != "stop":
            machine.systemd.reset_failed(unit)
        result = action(unit, _LIMIT)
    if result is JobResult.DONE:
        return Done(service=name)
    state = machine.systemd.states([unit])[unit]
    if state.load == "not-found":
        raise HostError(f"cannot {verb} {name}: it is not installed", hint=f"beacon apply {name} installs it")
    reason = judge_job(result, state, _LIMIT).reason
    raise HostError(f"cannot {verb} {name}: {reason}", hint=f"beacon logs {name}")


def _change(
    machine: Machine,
    verb: str,
    service: str,
    change: Callable[[ServiceState], ServiceState],
    listener: Listener,
) -> Done:
    machine.require_write(verb)
    (name,) = machine.select([service])
    with machine.alone([name], listener):
        machine.store.save(change(machine.store.load(name)))
    return Done(service=name)
