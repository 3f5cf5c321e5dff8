"""Definitions that are there and cannot be read: named, left out, and never taken for removed ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.cli.host import Host
from beacon.cli.output import Output
from beacon.errors import DefinitionError
from beacon.model.host import Scope

GOOD = 'image = "registry.example/me/web:1"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a user's definitions, with a good one and those that cannot be read."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "beacon/services"
    folder.mkdir(parents=True)
    (folder / "good.toml").write_text(GOOD)
    (folder / "latin.toml").write_bytes(b'description = "caf\xe9"\n')
    (folder / "moved.toml").symlink_to(tmp_path / "elsewhere/moved.toml")
    (folder / "loop.toml").symlink_to(folder / "loop.toml")
    (folder / "folder.toml").mkdir()
    (folder / ".#good.toml").symlink_to("me@host.1234")
    return folder


def test_those_that_can_be_read_are_and_the_others_are_named_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host(Scope.USER, Output())
    assert host.known_names() == ("folder", "good", "latin", "loop", "moved")
    for _ in range(2):
        assert host.definition_files() == {"good": GOOD}
    warnings = capsys.readouterr().err.splitlines()
    assert [warning.split()[1] for warning in warnings] == [
        str(folder / f"{name}.toml") for name in ("folder", "latin", "loop", "moved")
    ]
    assert "is a link to" in warnings[-1]
    assert "not UTF-8: byte 0xe9 at position 18" in warnings[1]


def test_one_that_cannot_be_read_is_a_fault_and_no_removal(folder: Path) -> None:
    with pytest.raises(DefinitionError) as raised:
        Host(Scope.USER, Output()).require_readable(["good", "latin", "moved", "never"])
    assert [fault.file for fault in raised.value.faults] == [
        str(folder / f"{name}.toml") for name in ("latin", "moved")
    ]
