"""In which order registries are asked for services, for any number of them and any slow registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from beacon.rollout.decisions.decide import longest_unanswered

BEGINNING = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NAMES = st.lists(st.text("abc-", min_size=1, max_size=4), unique=True, min_size=1, max_size=20)
TIMES = st.integers(0, 10**6).map(lambda seconds: BEGINNING + timedelta(seconds=seconds))


@given(NAMES, st.dictionaries(st.text("abc-", min_size=1, max_size=4), TIMES))
def test_everybody_is_asked_for_once_and_nobody_before_who_waits_longer(
    names: list[str], answers: dict[str, datetime]
) -> None:
    order = longest_unanswered(names, answers)
    assert sorted(order) == sorted(names)
    times = [answers[name] for name in order if name in answers]
    assert times == sorted(times)
    assert all(name not in answers for name in order[: len(order) - len(times)])


@given(NAMES, st.integers(1, 5))
def test_however_slow_the_registry_is_nobody_is_left_out_for_good(names: list[str], at_once: int) -> None:
    """The registry answers the first questions of each run only."""
    answers: dict[str, datetime] = {}
    turn = -(-len(names) // at_once)
    for run in range(4 * turn):
        now = BEGINNING + timedelta(minutes=5 * run)
        answers |= dict.fromkeys(longest_unanswered(names, answers)[:at_once], now)
        if run >= turn - 1:
            assert set(answers) == set(names)
            assert min(answers.values()) > now - turn * timedelta(minutes=5)
