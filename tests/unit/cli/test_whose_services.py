"""Whose services are shown, and how those of the other scope are."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.doctor.judge.finding import Commands
from beacon.model.machine import Scope
from beacon.operations.caller import Caller
from beacon.systemd.user import ACTING_FOR
from tests.fakes.here import StagedMachine
from tests.fakes.terminal import call
from tests.golden.answers.cases import remembering, staged


def of_a_user(made: StagedMachine, command: str, **environment: str) -> StagedMachine:
    """Return *made* as a user's machine, beside one of root's with services."""
    made.scope = Scope.USER
    made.caller = Caller(1000, environment, Path("/home/ada"), command=command)
    vars(made)["others"] = frozenset({"db"})
    return made


LIST = "beacon endpoint list"


def test_a_list_of_endpoints_says_whose_they_are(tmp_path: Path) -> None:
    said = call(of_a_user(staged(tmp_path), LIST), "endpoint.list", "list").stderr
    assert "these are endpoints of your own; the machine's: sudo beacon endpoint list" in said


def test_without_any_the_others_are_named(tmp_path: Path) -> None:
    said = call(of_a_user(remembering(tmp_path), LIST), "endpoint.list", "list").stderr
    assert said == "no endpoints of your own; the machine's: sudo beacon endpoint list\n"


def test_root_is_told_what_to_type_for_a_user(tmp_path: Path) -> None:
    here = of_a_user(staged(tmp_path), "beacon --user status", **{ACTING_FOR: "ada"})
    said = call(here, "services.status", "status").stderr
    assert "no timer runs: systemctl --user --machine=ada@ enable --now beacon-update.timer" in said


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("", ("systemctl --user start a", "journalctl --user -u a", "sudo apt install b")),
        (
            "ada",
            (
                "systemctl --user --machine=ada@ start a",
                "journalctl _SYSTEMD_USER_UNIT=a _UID=$(id -u ada)",
                "apt install b",
            ),
        ),
    ],
)
def test_doctor_words_commands_for_who_types_them(user: str, words: tuple[str, ...]) -> None:
    commands = Commands(Scope.USER, acting_for=user)
    assert (commands.systemctl("start a"), commands.journalctl("a"), commands.root("apt install b")) == words
