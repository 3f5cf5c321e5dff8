"""Waiting for a service: for its own start by its process, else as those wait that need it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from beacon.errors import NoSuchServiceError, NotActiveError
from beacon.model.machine import Engine
from beacon.operations.waiting import WaitRequest, wait_healthy
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out


class Starting(FakeMachine):
    """A machine whose engine is asked for the health of a container that gets healthy."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = iter([None, "starting", "healthy"])

    def health(self, name: str) -> str | None:
        assert name == "web"
        return next(self.seen)


def test_a_start_is_held_while_its_process_runs(tmp_path: Path) -> None:
    machine = Starting()
    here = StagedMachine(machine, tmp_path)
    assert wait_healthy(here, WaitRequest("web", os.getpid()), Recorder()).service == "web"
    assert list(machine.seen) == []


def test_the_engine_is_the_one_that_the_unit_names(tmp_path: Path) -> None:
    machine, asked = Starting(), []

    class Both(StagedMachine):
        def engine_of(self, kind: Engine) -> Starting:  # type: ignore[override]  # as much as is asked of it
            asked.append(kind)
            return machine

    wait_healthy(Both(FakeMachine(), tmp_path), WaitRequest("web", os.getpid(), Engine.DOCKER), Recorder())
    assert asked == [Engine.DOCKER]


def test_one_that_is_up_is_not_waited_for_and_one_that_is_down_is_told(tmp_path: Path) -> None:
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"))
    here = StagedMachine(machine, tmp_path)
    assert wait_healthy(here, WaitRequest("beacon-web.service"), Recorder()).service == "web"
    machine.stop("beacon-web.service", 1)
    with pytest.raises(NotActiveError, match="web is not active"):
        wait_healthy(here, WaitRequest("web"), Recorder())
    with pytest.raises(NoSuchServiceError):
        wait_healthy(here, WaitRequest("nosuch"), Recorder())
