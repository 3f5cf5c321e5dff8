"""One run over services: ends what was interrupted, follows images, and starts again what is down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from beacon.errors import BeaconError
from beacon.model.notice import Notice
from beacon.model.outcome import Outcome
from beacon.model.release import ServiceState
from beacon.model.unit import unit_name
from beacon.rollout.checking.check import Check
from beacon.rollout.checking.news import last_answer, remember
from beacon.rollout.early import Early
from beacon.rollout.following.machine import Machine
from beacon.rollout.following.upkeep import (
    exposed,
    fallen,
    interrupted,
    orphan,
    unhealthy_at_first,
    unmoved,
)
from beacon.rollout.readings import readable
from beacon.rollout.tools import Tools, moment

_TRIES_AGAIN = 2


class Run:
    """One run that may change something; *named* is whether the owner names its services, and waits."""

    def __init__(self, machine: Machine, tools: Tools, *, named: bool, retry: bool) -> None:
        self._machine = machine
        self._tools = tools
        self._named = named
        self._retry = retry
        self._rollouts = machine.rollouts_for(self._tools)
        self._warnings: list[Notice] = []
        self._answered: set[str] = set()
        self._restarting: Sequence[str] = ()

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the owner should know, whatever came of services."""
        return tuple(self._warnings)

    def see_to(self, names: Sequence[str]) -> list[Outcome]:
        """Do for services what there is to do, and return what became of them."""
        outcomes = self._resumed(names)
        outcomes += unmoved(self._machine.engines.elsewhere(), set(names) - {one.service for one in outcomes})
        ended = {outcome.service for outcome in outcomes}
        states, damaged = readable(self._machine.store, [name for name in names if name not in ended])
        outcomes += damaged
        outcomes += self._unfollowed(states)
        self._secure(states)
        outcomes += self._followed(states)
        failed = unhealthy_at_first(states.values())
        if failed:
            self._rollouts.note_risen(failed)
        return outcomes

    def remember(self, outcomes: Sequence[Outcome]) -> None:
        """Note what came of each service, and log what is new."""
        try:
            failing = self._rollouts.failing(self._restarting) if self._restarting else {}
            remember(self._tools, self._machine.store, outcomes, self._answered, failing)
        except BeaconError as error:  # what became of the services is worth more
            self._warnings.append(Notice(f"what this check found is not remembered: {error.message}"))

    def _resumed(self, names: Sequence[str]) -> list[Outcome]:
        states, _ = readable(self._machine.store, names)
        begun = interrupted(states.values())
        return list(self._rollouts.resume(begun)) if begun else []

    def _unfollowed(self, states: dict[str, ServiceState]) -> list[Outcome]:
        """Have services followed that are installed though nothing is remembered of them; name the others.

        *states* gets what is remembered from now on.
        """
        machine = self._machine
        bare = {name: one for name, one in states.items() if one.live is None and one.rollout is None}
        orphans = [] if self._named else sorted(machine.units.strangers(machine.known_names()))
        outcomes = []
        if bare:
            found = machine.definitions()
            self._warnings += found.warnings
            outcomes = machine.unfollowed_for(self._tools).follow(bare, found.texts)
            ended = {outcome.service for outcome in outcomes}
            for name in bare:
                del states[name]
            states |= readable(machine.store, bare.keys() - ended)[0]
        return [*outcomes, *map(orphan, orphans)]

    def _secure(self, states: Mapping[str, ServiceState]) -> None:
        """See that no volume without a name goes with its container, whoever stops that."""
        found = exposed(states.values())
        try:
            if found:
                self._rollouts.secure(found)
        except BeaconError as error:  # beacon doctor tells of them too
            self._warnings.append(Notice(f"volumes without a name are not secured: {error.message}"))

    def _followed(self, states: Mapping[str, ServiceState]) -> list[Outcome]:
        """Return what came of the images of services, and of those that are down.

        What takes systemd and the engine a moment is asked beside the registry.
        """
        machine = self._machine
        unwell = Early(machine.unwell)
        unwell.begin()
        outcomes = self._up_to_date(states)
        for _ in range(_TRIES_AGAIN):
            stale = [outcome.service for outcome in outcomes if outcome.stale]
            if not stale:
                break
            now, damaged = readable(machine.store, stale)  # planned anew, since another has changed it
            left = [outcome for outcome in outcomes if not outcome.stale]
            outcomes = [*left, *damaged, *self._up_to_date(now)]
        self._restarting = [name for name in states if unit_name(name) in unwell.result().restarting]
        if self._restarting:
            self._rollouts.supply(self._restarting)
        down = fallen(states, unwell.result().down, outcomes)
        return self._rollouts.revive(down, outcomes) if down else outcomes

    def _up_to_date(self, states: Mapping[str, ServiceState]) -> list[Outcome]:
        """Return what came of the images of services."""
        machine = self._machine
        images = Early(lambda: self._tools.engine.images())  # noqa: PLW0108  # most checks need no engine
        if self._named:  # by somebody who has just pushed, most likely, and waits
            images.begin()
            Early(lambda: (images.result(), machine.facts)).begin()
        check = Check(
            self._tools, machine.registry_on_demand, states, retry=self._retry, on_news=images.begin
        )
        results = check.run({} if self._named else self._last_checks())
        self._answered |= check.answered
        if any(checked.candidate is not None for checked in results):
            return list(self._rollouts.roll_out(results, images.result, insist=self._named))
        return [checked.outcome for checked in results]

    def _last_checks(self) -> dict[str, datetime]:
        checks = self._machine.store.load_checks().services
        answers = {name: last_answer(check) for name, check in checks.items()}
        return {name: moment(answer) for name, answer in answers.items() if answer}
