"""beacon update and rollback as a face: words become a request, the answer text and an exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beacon.errors import UsageError
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out
from tests.fakes.terminal import Said, call


class Terminal:
    """A terminal on a machine on which release 1 of web is live, and whose registry has a second image."""

    def __init__(self, folder: Path) -> None:
        self.machine = FakeMachine()
        roll_out(self.machine, push(self.machine, "1"))
        self._here = StagedMachine(self.machine, folder, push(self.machine, "2"))

    def run(self, *words: str) -> Said:
        return call(self._here, "services.updates", " ".join(words))


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.mark.parametrize(
    ("words", "status", "shown"),
    [
        ((), 0, "1 service: 1 updated"),
        (("web",), 0, "web      updated"),
        (("--check",), 0, "web      update available"),
        (("--check", "--exit-code"), 10, "web      update available"),
    ],
)
def test_what_came_of_it_is_shown(
    terminal: Terminal, words: tuple[str, ...], status: int, shown: str
) -> None:
    done = terminal.run("update", *words)
    assert done.exit_code == status
    assert shown in done.output
    assert terminal.machine.load("web").live == (1 if "--check" in words else 2)


def test_the_exit_code_is_for_a_check(terminal: Terminal) -> None:
    done = terminal.run("update", "--exit-code")
    assert isinstance(done.exception, UsageError)
    assert terminal.machine.load("web").live == 1


def test_without_news_the_exit_code_is_that_of_the_check(terminal: Terminal) -> None:
    terminal.run("update")
    assert terminal.run("update", "--check", "--exit-code").exit_code == 0


def test_what_failed_says_what_to_do_about_it_and_has_a_status(terminal: Terminal) -> None:
    for image in terminal.machine.registry.values():
        image.behaviour = "exits"
    done = terminal.run("update")
    assert done.exit_code == 21
    assert "rollback failed" in done.output


def test_a_rollback_is_shown_and_told_in_json(terminal: Terminal) -> None:
    terminal.run("update")
    done = terminal.run("rollback", "web", "--json")
    body = json.loads(done.stdout)
    assert list(body) == ["version", "warnings", "services"]
    (outcome,) = body["services"]
    assert (outcome["outcome"], outcome["release"]) == ("updated", 1)
    assert outcome["word"] == "rolled back by you"
    assert "brought back by you" in terminal.run("rollback", "web", "2").output
