"""How the start of a plain unit is held."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from beacon.cli.wait_healthy import wait, wait_for_unit
from beacon.errors import NotActiveError
from beacon.model.runtime import UnitState


@pytest.mark.parametrize(
    ("seen", "looks"),
    [
        ([None, None, ""], 3),
        ([None, "starting", "unhealthy", "starting", "healthy"], 5),
        (["healthy"], 1),
    ],
)
def test_a_start_is_held_until_the_container_stands(seen: Iterable[str | None], looks: int) -> None:
    left = iter(seen)
    count = itertools.count()
    wait(lambda: (next(count), next(left))[1], lambda: True, lambda _: None)
    assert next(count) == looks


def test_a_start_is_not_held_when_the_process_has_ended() -> None:
    alive = iter([True, True, False])
    wait(lambda: "unhealthy", lambda: next(alive), lambda _: None)


def test_looks_get_rarer() -> None:
    pauses: list[float] = []
    wait(lambda: None, lambda: len(pauses) < 20, pauses.append)
    assert pauses == sorted(pauses)
    assert pauses[-1] == 1.0


class Units:
    """A service manager that knows one unit, which goes down after some looks."""

    def __init__(self, *active: str) -> None:
        self._left = list(active)

    def states(self, units: Iterable[str]) -> dict[str, UnitState]:
        """Return the states of *units*."""
        active = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        return {unit: UnitState(unit, load="loaded", active=active) for unit in units}


def test_called_by_hand_it_waits_as_long_as_the_unit_is_up() -> None:
    healths = iter(["starting", "unhealthy", "healthy"])
    wait_for_unit(Units("activating", "active"), "web", lambda: next(healths), lambda _: None)
    assert next(healths, None) is None


def test_called_by_hand_it_says_that_the_unit_is_down() -> None:
    with pytest.raises(NotActiveError, match="web is not active"):
        wait_for_unit(Units("activating", "active", "failed"), "web", lambda: None, lambda _: None)
