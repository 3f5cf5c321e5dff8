"""What services take, and commands in their containers."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.errors import NoSuchServiceError, NotActiveError
from beacon.model.runtime import Usage
from beacon.operations.listener import Nobody
from beacon.operations.services.entering import EnterRequest, enter
from beacon.operations.services.stats import StatsRequest, since, stats
from beacon.wire.stats import Stats
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out


class Busy(FakeMachine):
    """A machine whose services take more each time that one looks."""

    looks = 0

    def usage(self, unit: str) -> Usage:
        self.looks += 1
        return Usage(memory=5 << 20, cpu=self.looks * 10**8, read=4096) if "web" in unit else Usage()


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    fake = Busy()
    roll_out(fake, push(fake, "1"))
    return StagedMachine(fake, tmp_path)


def read(here: StagedMachine, seconds: float = 0.0) -> Stats:
    return stats(here, StatsRequest(seconds=seconds), Nobody())


def test_one_reading_has_no_share_of_the_cpu(here: StagedMachine) -> None:
    (web,) = read(here).services
    assert (web.memory, web.cpu, web.read) == (5 << 20, 0.1, 4096)
    assert (web.cpu_percent, web.written, web.received) == (None, None, None)
    assert (web.unit, web.active) == ("beacon-web.service", "active")


def test_the_share_of_the_cpu_is_over_the_time_between_two_readings(here: StagedMachine) -> None:
    before = read(here)
    after = replace(read(here), taken=before.taken + 0.5)
    assert since(before, after).services[0].cpu_percent == 20.0
    (web,) = read(here, seconds=0.1).services
    assert web.cpu_percent == pytest.approx(100, abs=10)


def test_a_start_in_between_leaves_no_share(here: StagedMachine) -> None:
    after, before = read(here), read(here)
    assert since(before, replace(after, taken=before.taken + 1)).services[0].cpu_percent is None


def test_what_is_not_there_takes_nothing(here: StagedMachine) -> None:
    with pytest.raises(NoSuchServiceError):
        stats(here, StatsRequest(("nosuch",)), Nobody())


def test_a_command_runs_in_the_service_s_container(here: StagedMachine) -> None:
    request = EnterRequest("web", ("ls", "-l"))
    assert enter(here, request, Nobody()) == ("podman", "exec", "--interactive", "beacon-web", "ls", "-l")
    typed = enter(here, replace(request, terminal=True), Nobody())
    assert typed[:4] == ("podman", "exec", "--interactive", "--tty")


def test_nothing_runs_in_a_service_that_is_down(here: StagedMachine) -> None:
    here.machine.stop("beacon-web.service", 10)
    with pytest.raises(NotActiveError) as raised:
        enter(here, EnterRequest("web", ("ls",)), Nobody())
    assert raised.value.hint == "beacon start web"
