"""Definitions that are there and cannot be read: named, left out, and never taken for removed ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import DefinitionError
from beacon.model.machine import Scope
from beacon.operations.caller import Caller
from beacon.operations.definitions.text import ShowRequest, show
from beacon.operations.machine import Machine
from tests.fakes.here import Recorder

GOOD = 'image = "registry.example/me/web:1"\n'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return the machine of a user with a good definition and those that cannot be read."""
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    made = Machine(Scope.USER, Caller(1000, environment, tmp_path))
    folder = made.paths.definitions
    folder.mkdir(parents=True)
    (folder / "good.toml").write_text(GOOD)
    (folder / "latin.toml").write_bytes(b'description = "caf\xe9"\n')
    (folder / "moved.toml").symlink_to(tmp_path / "elsewhere/moved.toml")
    (folder / "loop.toml").symlink_to(folder / "loop.toml")
    (folder / "folder.toml").mkdir()
    (folder / ".#good.toml").symlink_to("me@host.1234")
    return made


def test_those_that_can_be_read_are_and_the_others_are_named(machine: Machine) -> None:
    assert machine.known_names() == ("folder", "good", "latin", "loop", "moved")
    found = machine.definitions()
    assert found.texts == {"good": GOOD}
    warnings = [one.text for one in found.warnings]
    folder = machine.paths.definitions
    assert [warning.split()[0] for warning in warnings] == [
        str(folder / f"{name}.toml") for name in ("folder", "latin", "loop", "moved")
    ]
    assert "is a link to" in warnings[-1]
    assert "not UTF-8: byte 0xe9 at position 18" in warnings[1]


def test_one_that_cannot_be_read_is_a_fault_and_no_removal(machine: Machine) -> None:
    with pytest.raises(DefinitionError) as raised:
        machine.folder.require_readable(["good", "latin", "moved", "never"])
    assert [fault.file for fault in raised.value.faults] == [
        str(machine.paths.definitions / f"{name}.toml") for name in ("latin", "moved")
    ]


def test_showing_one_warns_of_the_others(machine: Machine) -> None:
    answer = show(machine, ShowRequest("good"), Recorder())
    assert (answer.text, len(answer.warnings)) == (GOOD, 4)
