"""Registries that want to be left alone, as it is remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beacon.state.limits import LONGEST, KeptLimits

BEGINNING = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def limits(folder: Path, after: float = 0.0) -> KeptLimits:
    """Return what a run knows so many seconds after the beginning."""
    return KeptLimits(folder / "limits.json", lambda: BEGINNING + timedelta(seconds=after))


def test_the_next_runs_know_until_when(tmp_path: Path) -> None:
    limits(tmp_path).note("r.example", 600)
    limits(tmp_path, 10).note("other.example", 60)
    assert limits(tmp_path, 100).left("r.example") == 500
    assert limits(tmp_path, 100).left("other.example") == 0
    assert limits(tmp_path, 600).left("r.example") == 0
    assert (tmp_path / "limits.json").stat().st_mode & 0o777 == 0o600


def test_who_has_logged_in_is_somebody_else(tmp_path: Path) -> None:
    limits(tmp_path).note("r.example", 600)
    limits(tmp_path).forget("r.example")
    assert limits(tmp_path).left("r.example") == 0


def test_no_registry_is_left_alone_for_good(tmp_path: Path) -> None:
    limits(tmp_path).note("r.example", 1e12)
    assert limits(tmp_path).left("r.example") == LONGEST


def test_a_clock_that_was_set_back_locks_nobody_out(tmp_path: Path) -> None:
    limits(tmp_path).note("r.example", 600)
    assert limits(tmp_path, -1e6).left("r.example") == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "[]",
        '{"version": 2, "registries": {"r.example": {"at": "2026-11-21T12:00:00Z", "seconds": 600}}}',
        '{"version": 1, "registries": {"r.example": {"at": "2026-11-21T12:00:00", "seconds": 600}}}',
        '{"version": 1, "registries": {"r.example": {"at": "yesterday", "seconds": 600}}}',
    ],
)
def test_a_file_that_makes_no_sense_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "limits.json").write_text(text)
    assert limits(tmp_path).left("r.example") == 0
    limits(tmp_path).note("r.example", 600)
    assert limits(tmp_path).left("r.example") == 600


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = KeptLimits(tmp_path / "file" / "limits.json")
    nowhere.note("r.example", 600)
    assert nowhere.left("r.example") == 0
