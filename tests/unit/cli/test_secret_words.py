"""What the words of `beacon secret` ask for; a value is no word of any command."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import UsageError
from beacon.model.sensitive import SecretVersion
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.secrets import FakeSecrets
from tests.fakes.terminal import Said, call


@pytest.fixture
def secrets() -> FakeSecrets:
    """Return what Beacon keeps: nothing yet."""
    return FakeSecrets()


@pytest.fixture
def here(tmp_path: Path, secrets: FakeSecrets) -> StagedMachine:
    """Return a machine without services."""
    staged = StagedMachine(FakeMachine(), tmp_path)
    staged.paths.definitions.mkdir(parents=True)
    vars(staged).update(secrets=secrets)
    return staged


def run(here: StagedMachine, words: str, typed: bytes = b"") -> Said:
    return call(here, "machine.secrets", words, typed)


@pytest.mark.parametrize("words", ["set tok hunter2", "rotate tok hunter2", "set tok a hunter2 --apply"])
def test_a_value_among_the_words_is_refused_and_not_repeated(here: StagedMachine, words: str) -> None:
    error = run(here, words).exception
    assert isinstance(error, UsageError)
    assert "hunter2" not in f"{error.message} {error.hint}"


def test_values_are_made_and_listed(here: StagedMachine, secrets: FakeSecrets) -> None:
    assert "there are no secrets" in run(here, "list").stderr
    run(here, "set tok --generate --length 40")
    (value,) = secrets.values.values()
    assert (len(value), value.isalnum()) == (40, True)
    run(here, "rotate tok")
    assert secrets.values[SecretVersion("tok", 2)] != value
    shown = run(here, "list")
    assert shown.stdout.split() == ["SECRET", "VERSION", "SERVICES", "tok", "2", "unused"]
    assert run(here, "set tok --generate --length 3").exception is not None


def test_a_file_of_variables_is_read_as_compose_does(
    here: StagedMachine, secrets: FakeSecrets, tmp_path: Path
) -> None:
    file = tmp_path / "vars"
    file.write_text("# of the shop\nDB_PASSWORD='a b'\nexport TOKEN=x1 # a comment\n")
    run(here, f"import {file}")
    assert secrets.values == {SecretVersion("DB_PASSWORD", 1): b"a b", SecretVersion("TOKEN", 1): b"x1"}
    file.write_text("TOKEN=${hunter2?")
    error = run(here, f"import {file}").exception
    assert isinstance(error, UsageError)
    assert "hunter2" not in error.message


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (b"x\n", b"x"),
        (b"x\r\n", b"x"),
        (b"x", b"x"),
        (b"a\nb\n", b"a\nb\n"),
        (b"\xff\x00", b"\xff\x00"),
        (b"x\n\n", b"x\n\n"),
    ],
)
def test_the_line_break_of_echo_is_none_of_a_value(
    here: StagedMachine, secrets: FakeSecrets, typed: bytes, kept: bytes
) -> None:
    run(here, "set tok", typed)
    assert list(secrets.values.values()) == [kept]
