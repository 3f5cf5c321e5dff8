"""When targets are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from beacon.model.notifying.news import News, TargetStanding
from beacon.model.notifying.target import Target, Topic
from beacon.notify.schedule import LONGEST_KEPT, MOST_KEPT, due, failed, given_up, succeeded

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOUR = 3600.0


def news(hours_ago: float, *left: str) -> News:
    return News(Topic.UPDATED, "web", "said", NOON.timestamp() - hours_ago * HOUR, left or ("a",))


def test_at_once_is_all_that_is_for_the_target() -> None:
    queued = {"1": news(1), "2": news(0, "b"), "3": news(0, "b", "a")}
    assert list(due(Target("a"), queued, TargetStanding(), NOON)) == ["1", "3"]


def test_nothing_in_quiet_hours_and_all_of_it_afterwards() -> None:
    target = Target("a", quiet=("11:00-13:00", "Sat"))
    assert due(target, {"1": news(1)}, TargetStanding(), NOON) == {}
    assert list(due(target, {"1": news(1)}, TargetStanding(), NOON + timedelta(hours=1))) == ["1"]


def test_once_a_day_what_there_was_by_then() -> None:
    target, queued = Target("a", daily="08:00"), {"1": news(20), "2": news(3)}
    assert list(due(target, queued, TargetStanding(), NOON)) == ["1"]
    assert list(due(target, queued, TargetStanding(), NOON + timedelta(hours=20))) == ["1", "2"]
    assert due(target, {"2": news(3)}, TargetStanding(), NOON) == {}


def test_who_is_away_is_tried_again_later_each_time_up_to_an_hour() -> None:
    standing, now, delays = TargetStanding(notified=5.0), 1000.0, []
    for _ in range(9):
        standing = failed(standing, "no route", now)
        delays.append(standing.next - now)
        now = standing.next
    assert delays == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert (standing.failures, standing.since, standing.notified) == (9, 1000.0, 5.0)
    assert succeeded(now) == TargetStanding(notified=now)
    away = failed(TargetStanding(), "no", NOON.timestamp())
    assert due(Target("a"), {"1": news(1)}, away, NOON) == {}
    assert due(Target("a"), {"1": news(1)}, away, NOON + timedelta(minutes=1))


@given(st.integers(0, 10**6))
def test_no_number_of_failures_is_too_many(failures: int) -> None:
    assert failed(TargetStanding(failures), "no", 0.0).next <= HOUR


def test_what_is_too_old_or_too_much_is_given_up() -> None:
    queued = {f"{number:04}": news(1) for number in range(MOST_KEPT + 2)}
    assert given_up(queued, NOON.timestamp()) == {"0000", "0001"}
    assert given_up({"1": news(LONGEST_KEPT / HOUR + 1), "2": news(1)}, NOON.timestamp()) == {"1"}
