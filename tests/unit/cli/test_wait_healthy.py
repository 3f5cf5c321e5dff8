"""beacon wait-healthy as a face: what the unit says of itself becomes a request."""

from __future__ import annotations

import os
from pathlib import Path

from beacon.errors import NotActiveError
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out
from tests.fakes.terminal import Said, call


class Healthy(FakeMachine):
    """A machine whose engine counts how often it is asked for the health of a container."""

    looks = 0

    def health(self, name: str) -> str:
        assert name == "web"
        self.looks += 1
        return "healthy"


def run(machine: FakeMachine, folder: Path, pid: str) -> Said:
    here = StagedMachine(machine, folder)
    return call(here, "services.wait_healthy", "wait-healthy web", MAINPID=pid)


def test_a_unit_that_starts_names_its_process(tmp_path: Path) -> None:
    machine = Healthy()
    assert run(machine, tmp_path, str(os.getpid())).exit_code == 0
    assert machine.looks == 1


def test_without_a_process_the_service_is_waited_for(tmp_path: Path) -> None:
    machine = Healthy()
    roll_out(machine, push(machine, "1"))
    assert run(machine, tmp_path, "").exit_code == 0
    machine.stop("beacon-web.service", 1)
    assert isinstance(run(machine, tmp_path, "nonsense").exception, NotActiveError)
    assert machine.looks == 0
