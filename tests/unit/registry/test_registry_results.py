"""What a check comes to, in the words that people read."""

from __future__ import annotations

import pytest

from beacon.registry.results import Deferred, DeferredError

PAUSES = {
    "not told": (None, "later"),
    "none": (0.0, "in about 0 s"),
    "seconds": (45.2, "in about 46 s"),
    "minutes": (290.0, "in about 5 min"),
    "an hour": (3600.0, "in about 60 min"),
    "hours": (21600.0, "in about 6 h"),
}


@pytest.mark.parametrize(("seconds", "words"), PAUSES.values(), ids=PAUSES)
def test_it_is_told_when_to_ask_again(seconds: float | None, words: str) -> None:
    assert Deferred("too many requests", seconds).when == words
    assert DeferredError("too many requests", seconds).hint == f"try again {words}"
