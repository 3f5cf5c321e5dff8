"""Who needs a service waits until it is healthy, as long as its checks may take, and no longer."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.errors import BeaconError, NotActiveError
from beacon.model.service import Health, HttpProbe, Service
from beacon.rollout.needed import Needed
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, service, tools

UNIT = "beacon-web.service"
QUICK = Health(interval=1.0, timeout=1.0, retries=3)
CHECKS = {
    "http": replace(QUICK, http=HttpProbe(8080)),
    "tcp": replace(QUICK, tcp=8080),
    "command": replace(QUICK, command=("CMD", "true")),
    "none": Health(),
}


class Slow(FakeMachine):
    """A machine whose service needs *needs* seconds after a start until it is healthy."""

    needs = 0.0
    looks = 0

    def http(self, address: str, port: int, path: str, timeout: float, host: str | None = None) -> str | None:
        self.looks += 1
        return super().http(address, port, path, timeout, host) if self.time >= self.needs else "refused"


def deployed(of: Service) -> Slow:
    """Return a machine on which a service runs."""
    machine = Slow()
    assert roll_out(machine, push(machine, "1"), of).kind.status == 0
    return machine


@pytest.mark.parametrize("health", CHECKS.values(), ids=CHECKS)
def test_one_that_is_healthy_is_not_waited_for(health: Health) -> None:
    machine = deployed(service(health=health))
    began = machine.time
    Needed(tools(machine)).wait("web")
    assert machine.time == began


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_one_that_is_slow_is(kind: str) -> None:
    machine = deployed(service(health=CHECKS[kind]))
    machine.needs = machine.time + 4
    Needed(tools(machine)).wait("web")
    assert machine.needs <= machine.time <= machine.needs + 1


def test_no_longer_than_its_checks_may_take() -> None:
    machine = deployed(service(health=CHECKS["http"]))
    began, machine.needs = machine.time, machine.time + 100
    with pytest.raises(BeaconError, match="web is not healthy after 6 s"):
        Needed(tools(machine)).wait("web")
    assert began + 6 <= machine.time <= began + 7
    assert machine.looks < 20


@pytest.mark.parametrize("active", ["failed", "inactive"])
def test_one_that_is_down_is_not_waited_for(active: str) -> None:
    machine = deployed(service(health=CHECKS["http"]))
    machine.units[UNIT].active = active
    began = machine.time
    with pytest.raises(NotActiveError, match="web is not active"):
        Needed(tools(machine)).wait("web")
    assert machine.time == began


@pytest.mark.parametrize(
    ("active", "sub"), [("activating", "auto-restart"), ("failed", "failed-before-auto-restart")]
)
def test_one_that_systemd_starts_again_is(active: str, sub: str) -> None:
    class Back(Slow):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.time > self.needs:
                self._up(self.units[UNIT])

    machine = Back()
    roll_out(machine, push(machine, "1"), service(health=CHECKS["http"]))
    machine.needs = machine.time + 3
    machine.units[UNIT].active, machine.units[UNIT].sub = active, sub
    Needed(tools(machine)).wait("web")
    assert machine.needs <= machine.time <= machine.needs + 2


def test_one_that_nobody_knows_is_not_waited_for() -> None:
    with pytest.raises(NotActiveError, match="not applied yet"):
        Needed(tools(FakeMachine())).wait("web")
