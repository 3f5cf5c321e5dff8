"""Windows: when a rollout may begin."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from beacon.model.window import Window, is_open

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# 2025-01-03 is a Friday.
@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        pytest.param(
            "02:00-05:00", ["2025-01-03T02:00", "2025-01-04T04:59"], ["2025-01-03T05:00"], id="hours"
        ),
        pytest.param("2:00 - 5:00", ["2025-01-03T02:00"], ["2025-01-03T01:59"], id="hours with spaces"),
        pytest.param(
            "daily 22:00-06:00",
            ["2025-01-03T22:00", "2025-01-03T23:59", "2025-01-04T05:59"],
            ["2025-01-03T21:59", "2025-01-04T06:00"],
            id="over midnight",
        ),
        pytest.param(
            "Sat,Sun 02:00-05:00",
            ["2025-01-04T03:00", "2025-01-05T03:00"],
            ["2025-01-03T03:00", "2025-01-06T03:00"],
            id="on days",
        ),
        pytest.param(
            "Sun 22:00-02:00",
            ["2025-01-05T23:00", "2025-01-06T01:00"],
            ["2025-01-05T01:00", "2025-01-06T23:00"],
            id="the day is the one on which it opens",
        ),
        pytest.param("Mon-Fri 00:00-24:00", ["2025-01-03T23:59"], ["2025-01-04T00:00"], id="a span of days"),
        pytest.param(
            "Fri..Mon 01:00-02:00", ["2025-01-06T01:30"], ["2025-01-07T01:30"], id="a span over Sunday"
        ),
        pytest.param(
            "saturday", ["2025-01-04T00:00", "2025-01-04T23:59"], ["2025-01-05T00:00"], id="a whole day"
        ),
    ],
)
def test_a_window_contains(text: str, inside: list[str], outside: list[str]) -> None:
    window = Window.parse(text)
    assert [moment for moment in inside + outside if window.contains(at(moment))] == inside


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Funday 02:00-03:00",
        "02:00",
        "25:00-26:00",
        "02:60-03:00",
        "02:00-05:00 Sat",
        "02:00-02:00",
        "Sat,",
        "24:00-01:00",
    ],
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Window.parse(text)


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        pytest.param("02:00-05:00", "2025-01-03T03:00", "2025-01-03T03:00", id="now, while it is open"),
        pytest.param("02:00-05:00", "2025-01-03T01:00", "2025-01-03T02:00", id="later today"),
        pytest.param("02:00-05:00", "2025-01-03T05:00", "2025-01-04T02:00", id="tomorrow"),
        pytest.param("Sat 02:00-05:00", "2025-01-04T05:00", "2025-01-11T02:00", id="next week"),
        pytest.param("Sun 22:00-06:00", "2025-01-06T07:00", "2025-01-12T22:00", id="the next night"),
    ],
)
def test_a_window_opens_next(text: str, now: str, expected: str) -> None:
    assert Window.parse(text).next_opening(at(now)) == at(expected)


def test_a_night_whose_hour_is_skipped_by_summer_time_does_not_open() -> None:
    # On 2025-03-30 clocks in Berlin went from 02:00 to 03:00.
    window = Window.parse("02:00-03:00")
    opening = window.next_opening(datetime(2025, 3, 30, 1, 0, tzinfo=BERLIN))
    assert opening == datetime(2025, 3, 31, 2, 0, tzinfo=BERLIN)


def test_a_window_that_is_half_skipped_opens_with_what_is_left() -> None:
    window = Window.parse("02:30-05:00")
    opening = window.next_opening(datetime(2025, 3, 30, 1, 0, tzinfo=BERLIN))
    assert opening.isoformat() == "2025-03-30T03:30:00+02:00"


def test_no_windows_are_always_open() -> None:
    now = at("2025-01-03T03:00")
    assert is_open([], now)


def test_a_window_prints_as_it_was_written() -> None:
    assert str(Window.parse(" Sat,Sun 02:00-05:00 ")) == "Sat,Sun 02:00-05:00"
