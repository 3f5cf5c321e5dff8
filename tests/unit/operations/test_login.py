"""Logging in and out: the engine's command, on the file that the timer finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from beacon.definition.settings import Settings
from beacon.errors import AccessError, MachineError, UsageError
from beacon.model.machine import Engine
from beacon.operations.login import LoginRequest, LogoutRequest, login, logout
from beacon.operations.machine import Machine
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine


class Hand:
    """Runs nothing, and remembers what it was to run."""

    def __init__(self, status: int = 0) -> None:
        self.commands: list[Sequence[str]] = []
        self._status = status

    def __call__(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        del environment
        self.commands.append(command)
        return self._status


def machine(folder: Path, engine: Engine = Engine.PODMAN, auth_file: str | None = None) -> Machine:
    """Return a machine whose engine is *engine*."""
    here = StagedMachine(FakeMachine(), folder)
    vars(here).update(engine_kind=engine, settings=Settings(auth_file=auth_file))
    return here


def test_podman_logs_in_on_the_file_that_lasts(tmp_path: Path) -> None:
    hand = Hand()
    answer = login(machine(tmp_path), LoginRequest("r.example", "me", password_stdin=True), hand)
    lasting = f"--authfile={tmp_path}/.config/containers/auth.json"
    assert hand.commands == [["podman", "login", lasting, "--username=me", "--password-stdin", "r.example"]]
    assert answer.registry == "r.example"


def test_a_file_that_is_set_is_the_one(tmp_path: Path) -> None:
    hand, here = Hand(), machine(tmp_path, auth_file="/etc/mine.json")
    login(here, LoginRequest("r.example"), hand)
    logout(here, LogoutRequest("r.example"), hand)
    assert hand.commands == [
        ["podman", verb, "--authfile=/etc/mine.json", "r.example"] for verb in ("login", "logout")
    ]


def test_docker_has_a_file_of_its_own_and_uses_no_other(tmp_path: Path) -> None:
    hand = Hand()
    login(machine(tmp_path, Engine.DOCKER), LoginRequest("r.example"), hand)
    logout(machine(tmp_path, Engine.DOCKER), LogoutRequest("r.example"), hand)
    assert hand.commands == [["docker", "login", "r.example"], ["docker", "logout", "r.example"]]
    with pytest.raises(UsageError, match=r"docker cannot login with /etc/mine\.json") as caught:
        login(machine(tmp_path, Engine.DOCKER, "/etc/mine.json"), LoginRequest("r.example"), hand)
    assert caught.value.hint is not None
    assert "docker --config FOLDER login r.example" in caught.value.hint


def test_what_the_registry_refuses_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=r"podman login r\.example failed"):
        login(machine(tmp_path), LoginRequest("r.example"), Hand(status=125))


def test_an_engine_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    def nobody(command: Sequence[str], environment: Mapping[str, str]) -> int:
        raise FileNotFoundError(2, "No such file or directory", command[0], environment)

    with pytest.raises(MachineError, match="cannot run podman: No such file"):
        login(machine(tmp_path), LoginRequest("r.example"), nobody)


def test_there_is_nothing_to_forget_without_a_login(tmp_path: Path) -> None:
    hand = Hand()
    with pytest.raises(UsageError, match=r"no login of Podman to r\.example"):
        logout(machine(tmp_path), LogoutRequest("r.example"), hand)
    assert hand.commands == []
