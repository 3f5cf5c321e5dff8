"""What a step is given, and what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.release import Release, ServiceState
from beacon.model.rollout.record import Rollout, RolloutFacts
from beacon.model.unit import unit_name
from beacon.rollout.decisions.decide import Verdict
from beacon.rollout.tools import Tools


class Task(Struct, frozen=True):
    """A rollout under way, on the machine on which it is carried out."""

    tools: Tools
    state: ServiceState
    rollout: Rollout

    @property
    def facts(self) -> RolloutFacts:
        """What it was planned from."""
        return self.rollout.facts

    @property
    def unit(self) -> str:
        """The service's unit."""
        return unit_name(self.facts.service)

    @property
    def candidate(self) -> Release:
        """The release that is rolled out; MachineError where the state does not hold it."""
        release = self.state.release(self.facts.release)
        if release is None:
            named = f"release {self.facts.release}"
            raise MachineError(f"the state of {self.facts.service} names {named}, but does not hold it")
        return release

    @property
    def former(self) -> Release | None:
        """The release that was live before; None for a first one."""
        return self.state.release(self.facts.previous)

    @property
    def former_tools(self) -> Tools:
        """The machine with the engine that ran it."""
        return self.tools.on(self.facts.former)

    def at_next(self) -> Task:
        """Return the same rollout at its next step."""
        return replace(self, rollout=replace(self.rollout, index=self.rollout.index + 1))

    def undisturbed(self) -> Task:
        """Return it as one that nobody can cancel."""
        return replace(self, tools=self.tools.undisturbed())


def is_never_done(task: Task) -> bool:
    """Say of a step that may be done again, and is sooner done than looked at, that it is not done."""
    del task
    return False


class Step(NamedTuple):
    """How one step is done, and what a kill in it leads to."""

    do: Callable[[Task], Verdict]
    """Does it, again if need be. A BeaconError is the machine's fault."""
    is_done: Callable[[Task], bool] = is_never_done
    """Says after a kill whether it is done; unknown is no."""
    leads: bool = True
    """Whether the record is on disk before it is done: what would not be found otherwise."""
    shows: bool = False
    """Whether it is written down if that can be, for who asks what a rollout is at: it may take long."""
    resume: Callable[[Task], Verdict] | None = None
    """What is done instead after a kill, where to do it again would be wrong."""
    takes_down: bool = False
    """Whether it takes the service down, and what depends on it."""
    wait: Callable[[Task], Verdict] | None = None
    """What is waited for first, for as long as it takes; the service is as it was meanwhile."""
