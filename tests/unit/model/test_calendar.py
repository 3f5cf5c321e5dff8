"""Calendar expressions: what systemd would not take is refused, in words that help."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon.model.parts.calendar import Calendar

GOOD = (
    "daily",
    "Hourly",
    "weekly UTC",
    "Mon",
    "Mon..Fri 02:30",
    "Sat,sunday *-*-* 10:00:00",
    "*:0/15",
    "*:*",
    "*-*-1,15 4:00",
    "*-*~1 00:00",
    "Mon *-05~07/1",
    "2027-12-24 18:00 Europe/Berlin",
    "1..5,7/2:05",
    "*:*:0/30",
)


@pytest.mark.parametrize("text", GOOD)
def test_what_people_write_is_read(text: str) -> None:
    assert Calendar.parse(text).text == text
    assert Calendar.parse(f"  {text.replace(' ', '  ')} ").text == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a time of"),
        ("*", "must be a time of"),
        ("*/5 * * * *", "which is cron's form"),
        ("0 3 * * 1-5", "which is cron's form"),
        ("*:*/5", r"'\*/5' is no minute; from the first on that is 0/5"),
        ("25:00", "an hour is 0 to 23"),
        ("12:60", "a minute is 0 to 59"),
        ("12:0x", "'0x' is no minute"),
        ("1:2:3:4", "a time is HOUR:MINUTE:SECOND"),
        ("2027-13-01", "a month is 1 to 12"),
        ("*-02-30..1", "ends before it begins"),
        ("1969-01-01", "a year is 1970 to 2199"),
        ("1-2-3-4", "a date is YEAR-MONTH-DAY"),
        ("*-*~29", "a day from the end of a month is 1 to 28"),
        ("*-*~2/2", "never comes to a second day"),
        ("*:50/30", "never comes to a second minute"),
        ("*:0/0", "never comes to a second minute"),
        ("Mom 12:00", "'mom' is no day of the week"),
        ("Sun..Mon", "ends before it begins"),
        ("Mon Tue 8:00", "nothing that '8:00' can be|must be a time"),
        ("daily 08:00", "'daily' is no day of the week"),
        ("5m", "must be a time of"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Calendar.parse(text)


@pytest.mark.parametrize(
    ("text", "frequent"),
    [("minutely", True), ("*:0/15", True), ("*:*", True), ("*:30", False), ("daily", False), ("Mon", False)],
)
def test_more_than_once_an_hour_is_frequent(text: str, frequent: bool) -> None:  # noqa: FBT001
    assert Calendar.parse(text).is_frequent is frequent


number = st.integers(0, 62).map(str)
item = st.one_of(
    number,
    st.tuples(number, number).map("..".join),
    st.tuples(number, number).map("/".join),
    st.tuples(number, number).map(",".join),
    st.just("*"),
)
days = st.sampled_from(["", "Mon ", "Tue..Sat ", "sun,mon ", "Fri..Wed "])
dates = st.one_of(st.just(""), st.tuples(item, st.sampled_from("-~"), item, st.just(" ")).map("".join))
times = st.one_of(st.tuples(item, item).map(":".join), st.tuples(item, item, item).map(":".join))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@settings(max_examples=60, deadline=None)
@given(st.tuples(days, dates, times).map("".join))
def test_systemd_takes_what_is_taken_here(text: str) -> None:
    try:
        Calendar.parse(text)
    except ValueError:
        return
    done = subprocess.run(["systemd-analyze", "calendar", "--", text], capture_output=True, check=False)
    assert done.returncode == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("text", GOOD)
def test_systemd_takes_what_people_write(text: str) -> None:
    done = subprocess.run(["systemd-analyze", "calendar", "--", text], capture_output=True, check=False)
    assert done.returncode == 0
