"""What is done to services once something is to be done: a run that finds nothing new does not load it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from beacon.model.outcome import Outcome
from beacon.model.release import ServiceState
from beacon.model.unit import unit_name
from beacon.rollout.back import roll_back
from beacon.rollout.checking.check import Checked
from beacon.rollout.decisions.failing import Fails
from beacon.rollout.deploy import Images
from beacon.rollout.driving.resuming import resume
from beacon.rollout.fallen import failing
from beacon.rollout.following.revive import bring_back, revive, supply
from beacon.rollout.following.risen import note_risen
from beacon.rollout.handling.move import secure
from beacon.rollout.readings import unended
from beacon.rollout.rendering import Renderer
from beacon.rollout.tools import Tools
from beacon.rollout.update import foresee, update


class Rollouts:
    """Rolls out, puts back and starts again on one machine; *renderer* is asked for with the first files."""

    def __init__(self, tools: Tools, renderer: Callable[[], Renderer]) -> None:
        self._tools = tools
        self._renderer = renderer

    def resume(self, names: Iterable[str]) -> tuple[Outcome, ...]:
        """Finish or undo the rollouts of services that something interrupted."""
        return resume(self._tools, names)

    def unended(self, resumed: Sequence[Outcome]) -> tuple[Outcome, ...]:
        """Return those of *resumed* that say why a rollout could not be ended."""
        return tuple(unended(self._tools.store, [outcome.service for outcome in resumed], resumed).values())

    def roll_out(
        self, results: Iterable[Checked], images: Callable[[], Images], *, insist: bool
    ) -> tuple[Outcome, ...]:
        """Roll out the candidates of *results*; with *insist*, windows and minimum ages do not count."""
        return update(self._tools, self._renderer(), results, images, insist=insist)

    def foresee(self, checks: Iterable[Checked]) -> tuple[Outcome, ...]:
        """Return the outcomes of *checks*, with what the timer's run would wait for before what is new."""
        return foresee(self._tools, checks)

    def revive(self, names: Iterable[str], before: Sequence[Outcome]) -> list[Outcome]:
        """Start again which of *names* nobody stopped; return all outcomes, those from *before* too."""
        ends: dict[str, Outcome] = {outcome.service: outcome for outcome in before}
        for later in revive(self._tools, names):
            earlier = ends.get(later.service)
            ends[later.service] = later if earlier is None else earlier.and_then(later)
        return [ends[name] for name in sorted(ends)]

    def note_risen(self, names: Iterable[str]) -> None:
        """Note which of *names*, whose first releases failed, have become healthy since."""
        note_risen(self._tools, names)

    def failing(self, names: Sequence[str]) -> Mapping[str, Fails]:
        """Return how those of the services *names* fail that systemd starts again and again."""
        units = self._tools.systemd.states(map(unit_name, names))
        found = failing(self._tools.systemd, units.values())
        return {name: found[unit_name(name)] for name in names if unit_name(name) in found}

    def supply(self, names: Iterable[str]) -> None:
        """Bring back what *names*, which fail again and again, start from: a prune may have taken it."""
        supply(self._tools, names)

    def bring_back(self, name: str) -> tuple[Outcome, ...]:
        """Start again what went down along with the service *name*, whose network it shares."""
        return bring_back(self._tools, name)

    def go_back(self, name: str, number: int | None) -> Outcome:
        """Bring a service to release *number*, or to the one before its live one; see :func:`roll_back`."""
        return roll_back(self._tools, self._renderer(), name, number)

    def secure(self, states: Sequence[ServiceState]) -> None:
        """See that no volume without a name goes with its container, whoever stops that."""
        secure(self._tools, states)
