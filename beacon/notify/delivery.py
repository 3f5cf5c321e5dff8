"""Notify targets of what is queued: at least once each, and what was sent is noted before it is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import BeaconError, DeliveryError
from beacon.model.notifying.news import News, Notified, TargetStanding
from beacon.model.notifying.target import Target
from beacon.model.release import ServiceState
from beacon.notify.message import Message, gathered, is_worth_sending, keys_of, message_of
from beacon.notify.schedule import MOST_APART, due, failed, given_up, succeeded

_REMEMBERED = 90 * 86400.0
"""Seconds for which it is known what was sent."""


class Sends(Protocol):
    """What brings a message to a target."""

    def send(self, target: Target, message: Message) -> None:
        """Send a message to *target*. Raises DeliveryError."""


class Queued(Protocol):
    """What is on its way."""

    def read(self) -> Mapping[str, News]:
        """Return all news by their ids, the oldest first."""

    def put(self, name: str, news: News) -> None:
        """Note *news*, or forget it if no target is left."""

    def memory(self) -> Notified:
        """Return what is remembered of targets."""

    def remember(self, memory: Notified) -> None:
        """Replace it."""


class DeliveryReport(Struct, frozen=True):
    """What came of a run: how many messages were sent, and why targets could not be notified."""

    sent: int = 0
    faults: Mapping[str, DeliveryError] = {}


class Delivery:
    """Notifies *targets* of what is in *queue*, which is locked; *load* gives the states of services."""

    def __init__(
        self,
        queue: Queued,
        targets: Iterable[Target],
        sender: Sends,
        load: Callable[[str], ServiceState],
        machine: str,
    ) -> None:
        self._queue = queue
        self._targets = {target.name: target for target in targets}
        self._sender = sender
        self._load = load
        self._machine = machine
        self._memory = queue.memory()
        self._news: dict[str, News] = {}
        self._sent = 0

    def run(self, now: datetime) -> DeliveryReport:
        """Send what is due at *now*, a local time, and give up what is too old."""
        self._news = dict(self._queue.read())
        moment = now.timestamp()
        for name in given_up(self._news, moment):
            self._settle(name, self._news[name].left)
        for name, news in list(self._news.items()):
            gone = [one for one in news.left if one not in self._targets]
            passed = news.left if not is_worth_sending(news, self._state(news)) else gone
            self._settle(name, passed)
        faults = {}
        for target in self._targets.values():
            try:
                self._notify(target, now)
            except DeliveryError as fault:
                self._note(target, failed(self._standing(target), fault.message, moment))
                faults[target.name] = fault
        return DeliveryReport(self._sent, faults)

    def _notify(self, target: Target, now: datetime) -> None:
        fresh = {}
        heard: set[str] = set()
        for name, news in due(target, self._news, self._standing(target), now).items():
            keys, lasting = keys_of(news)
            notified = self._memory.notified
            ages = (now.timestamp() - notified.get(f"{target.name} {key}", 0.0) for key in keys)
            again = f"{target.name} {name}" in notified or any(age < lasting for age in ages)
            if again or heard.intersection(keys):
                self._settle(name, [target.name])
            else:
                fresh[name] = news
                heard.update(keys[:1])
        parts = (
            [fresh] if target.daily or len(fresh) > MOST_APART else [{name: fresh[name]} for name in fresh]
        )
        for part in parts:
            if part:
                self._send(target, part, now)

    def _send(self, target: Target, part: Mapping[str, News], now: datetime) -> None:
        messages = [
            message_of(name, news, self._state(news), self._machine, now) for name, news in part.items()
        ]
        message = messages[0] if len(messages) == 1 else gathered(messages, self._machine)
        self._sender.send(target, message)
        self._sent += 1
        moment = now.timestamp()
        keys = [*part, *(key for news in part.values() for key in keys_of(news)[0][:1])]
        self._note(target, succeeded(moment), {f"{target.name} {key}": moment for key in keys})
        for name in part:
            self._settle(name, [target.name])

    def _note(
        self, target: Target, standing: TargetStanding, notified: Mapping[str, float] | None = None
    ) -> None:
        """Remember how a target has answered, and what it was sent; forget targets that are gone."""
        kept = {key: at for key, at in self._memory.notified.items() if at >= standing.notified - _REMEMBERED}
        targets = {name: one for name, one in self._memory.targets.items() if name in self._targets}
        self._memory = Notified({**targets, target.name: standing}, {**kept, **(notified or {})})
        self._queue.remember(self._memory)

    def _settle(self, name: str, notified: Collection[str]) -> None:
        news = self._news[name]
        left = tuple(one for one in news.left if one not in notified)
        if left == news.left:
            return
        self._news[name] = replace(news, left=left)
        self._queue.put(name, self._news[name])

    def _standing(self, target: Target) -> TargetStanding:
        return self._memory.targets.get(target.name, TargetStanding())

    def _state(self, news: News) -> ServiceState:
        try:
            return self._load(news.service) if news.service else ServiceState("")
        except BeaconError:  # what is known of it without its state is sent all the same
            return ServiceState(news.service)
