"""How the start of a plain unit is held."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from beacon.rollout.starting import hold_start


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
    hold_start(lambda: (next(count), next(left))[1], lambda: True, lambda _: None)
    assert next(count) == looks


def test_a_start_is_not_held_when_the_process_has_ended() -> None:
    alive = iter([True, True, False])
    hold_start(lambda: "unhealthy", lambda: next(alive), lambda _: None)


def test_looks_get_rarer() -> None:
    pauses: list[float] = []
    hold_start(lambda: None, lambda: len(pauses) < 20, pauses.append)
    assert pauses == sorted(pauses)
    assert pauses[-1] == 1.0
