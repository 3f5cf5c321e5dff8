"""Notifying owners of what has happened, apart from what happens: a target that is away holds up nothing."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from beacon.definition.beacon_toml import decode_notify
from beacon.errors import AccessError, BusyError, ConfigError, DeliveryError, UsageError
from beacon.formats.moments import stamp
from beacon.model.machine import Scope
from beacon.model.notice import Notice
from beacon.model.notifying.news import News, TargetStanding
from beacon.model.notifying.target import Target, Topic
from beacon.notify.delivery import Delivery
from beacon.notify.failure import is_reported_otherwise, what_failed
from beacon.notify.message import Message
from beacon.notify.sender import Sender
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.state.files import read_text
from beacon.wire.notify import Sent, TargetInfo, Targets


class SendRequest(Struct, frozen=True):
    """Notify of what is queued; besides, that the unit *failed* of Beacon's own has."""

    failed: str = ""


class TryRequest(Struct, frozen=True):
    """Try whether targets are notified; all of them if there are none."""

    targets: tuple[str, ...] = ()


def send(machine: Machine, request: SendRequest, listener: Listener) -> Sent:
    """Send what is due. Who was not reached is in the answer; the next run tries again, later each time."""
    del listener  # it takes a moment
    machine.require_write("notify send")
    targets = _targets(machine)
    if request.failed:
        _note_failure(machine, request.failed, targets)
    try:
        with machine.store.lock("_notify"):
            here = platform.node()
            delivery = Delivery(machine.queue, targets, _sender(machine), machine.store.load, here)
            done = delivery.run(datetime.now().astimezone())
    except BusyError:  # another process sends
        return Sent(sent=0, failed={})
    return _answer(done.sent, done.faults)


def try_targets(machine: Machine, request: TryRequest, listener: Listener) -> Sent:
    """Send a message to targets, now. Raises UsageError if there are none, or none of such a name."""
    del listener
    targets = {target.name: target for target in machine.settings.notify}
    if machine.scope is Scope.SYSTEM and machine.caller.uid != 0:
        raise AccessError("only root may use the machine's targets", hint="run this with sudo")
    if not targets:
        raise UsageError("nobody is told", hint=f"a table [notify.NAME] in {machine.paths.settings}")
    unknown = [name for name in request.targets if name not in targets]
    if unknown:
        raise UsageError(f"there is no target {unknown[0]!r}", hint=f"there are: {', '.join(targets)}")
    now, here = time.time(), platform.node()
    message = Message(
        id=f"{time.time_ns():016x}{os.urandom(8).hex()}",
        event="test",
        machine=here,
        title=f"A test of Beacon ({here})",
        text="Whoever reads this is told by Beacon what happens to services.",
        at=stamp(datetime.fromtimestamp(now).astimezone()),
    )
    faults: dict[str, DeliveryError] = {}
    chosen = request.targets or tuple(targets)
    for name in chosen:
        try:
            _sender(machine).send(targets[name], message)
        except DeliveryError as error:
            faults[name] = error
    return _answer(len(chosen) - len(faults), faults)


def list_targets(machine: Machine, listener: Listener) -> Targets:
    """Return who is notified of what, and how they have answered."""
    del listener
    memory, queued = machine.queue.memory(), machine.queue.read()
    return Targets(
        targets=tuple(
            _info(target, memory.targets.get(target.name, TargetStanding()), queued)
            for target in machine.settings.notify
        )
    )


def _info(target: Target, standing: TargetStanding, queued: Mapping[str, News]) -> TargetInfo:
    by = "command" if target.command else "file"
    return TargetInfo(
        name=target.name,
        by=target.url.reveal().partition(":")[0].lower() if target.url is not None else by,
        events=tuple(map(str, target.events)),
        daily=target.daily or None,
        quiet=target.quiet,
        queued=sum(target.name in news.left for news in queued.values()),
        notified=_time(standing.notified),
        failures=standing.failures,
        error=standing.error or None,
        next_try=_time(standing.next),
    )


def _time(seconds: float) -> str | None:
    return stamp(datetime.fromtimestamp(seconds).astimezone()) if seconds else None


def _targets(machine: Machine) -> tuple[Target, ...]:
    """Return the targets, also where something else in beacon.toml is wrong: that is news for them."""
    try:
        return machine.settings.notify
    except ConfigError:
        return decode_notify(read_text(machine.paths.settings) or "", file=str(machine.paths.settings))


def _note_failure(machine: Machine, unit: str, targets: tuple[Target, ...]) -> None:
    """Notify targets that a unit of Beacon's own has failed, unless its services' news say so already."""
    said = machine.caller.environment
    checks = machine.store.load_checks().services
    left = tuple(target.name for target in targets if Topic.BEACON in target.events)
    if left and not is_reported_otherwise(said, (check.outcome for check in checks.values())):
        name = f"{time.time_ns():016x}{os.urandom(8).hex()}"
        machine.queue.put(name, News(Topic.BEACON, unit, what_failed(unit, said), time.time(), left))


def _sender(machine: Machine) -> Sender:
    return Sender(machine.caller.environment)


def _answer(sent: int, faults: Mapping[str, DeliveryError]) -> Sent:
    notices = (Notice(f"{name} could not be told: {one.message}", one.hint) for name, one in faults.items())
    failed = {name: one.message for name, one in faults.items()}
    return Sent(sent=sent, failed=failed, warnings=tuple(notices))
