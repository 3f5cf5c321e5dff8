"""Definitions of services that were removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import MachineError
from beacon.state.removed import keep, remove_copy

NOW = "2026-01-02T03:04:05Z"


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    """Return a definition."""
    path = tmp_path / "web.toml"
    path.write_bytes(b"image = '\xff'\n")
    return path


def test_a_definition_is_kept_as_it_is_and_for_its_owner_alone(tmp_path: Path, definition: Path) -> None:
    folder = tmp_path / "state" / "removed"
    kept = keep(folder, {"web": definition, "gone": tmp_path / "gone.toml"}, NOW)
    assert kept == {"web": folder / "20260102T030405Z" / "web.toml"}
    assert kept["web"].read_bytes() == definition.read_bytes()
    modes = [path.stat().st_mode & 0o777 for path in (folder, kept["web"].parent, kept["web"])]
    assert modes == [0o700, 0o700, 0o600]


def test_two_in_one_second_are_both_kept(tmp_path: Path, definition: Path) -> None:
    first = keep(tmp_path / "removed", {"web": definition}, NOW)["web"]
    second = keep(tmp_path / "removed", {"web": definition}, NOW)["web"]
    assert first.exists()
    assert second == tmp_path / "removed" / "20260102T030405Z-2" / "web.toml"


def test_the_last_hundred_stay(tmp_path: Path, definition: Path) -> None:
    folder = tmp_path / "removed"
    (folder / "mine").mkdir(parents=True)
    for second in range(102):
        keep(folder, {"web": definition}, f"2026-01-02T03:{second // 60:02}:{second % 60:02}Z")
    found = sorted(path.name for path in folder.iterdir())
    assert len(found) == 101
    assert (found[0], found[-1]) == ("20260102T030002Z", "mine")


def test_without_a_definition_nothing_is_made(tmp_path: Path) -> None:
    assert keep(tmp_path / "removed", {"web": tmp_path / "web.toml"}, NOW) == {}
    assert not (tmp_path / "removed").exists()


def test_what_cannot_be_kept_is_told(tmp_path: Path, definition: Path) -> None:
    (tmp_path / "removed").write_text("")
    with pytest.raises(MachineError, match="cannot write"):
        keep(tmp_path / "removed", {"web": definition}, NOW)
    with pytest.raises(MachineError, match="cannot read"):
        keep(tmp_path / "other", {"web": tmp_path}, NOW)


def test_a_copy_that_is_not_needed_goes_with_its_folder(tmp_path: Path, definition: Path) -> None:
    kept = keep(tmp_path / "removed", {"web": definition, "db": definition}, NOW)
    remove_copy(kept["web"])
    assert kept["db"].exists()
    remove_copy(kept["db"])
    assert list((tmp_path / "removed").iterdir()) == []
