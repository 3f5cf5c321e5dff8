"""Ports of the loopback as services are given them: once, for good, and to one service only."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from beacon.definition.endpoints.loopback import PortsExhaustedError
from beacon.errors import BusyError
from beacon.model.machine import PortRange
from beacon.model.release import Release
from beacon.model.service import Endpoint, Handover, Port, Service
from beacon.rollout.allotting.ports import PortAllotter
from beacon.rollout.back import roll_back
from beacon.rollout.deploy import deploy
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.prepare import begin, note_candidate
from beacon.rollout.rendering import Renderer
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import FACTS, RENDERER, candidate, push, service, tools

SPAN = PortRange(20000, 20009)
WEB = (Endpoint("example.org", 8080),)
HOLD = Handover.WAIT
"""One port is enough."""


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine without services."""
    return FakeMachine()


def loopback(
    machine: FakeMachine,
    span: PortRange = SPAN,
    declared: tuple[Service, ...] = (),
    is_free: Callable[[int, str], bool] = lambda *_: True,
) -> PortAllotter:
    return PortAllotter(machine, span, lambda: declared, is_free)


def roll_out(machine: FakeMachine, of: Service, version: str = "1") -> Release:
    release = loopback(machine).allot(candidate(machine, push(machine, version), of))
    files: dict[str, str | None] = {file.name: file.text for file in RENDERER.files(release)}
    deploy(tools(machine), [PlannedRollout(release, files, machine.load(of.name).live)])
    return release


def test_a_service_keeps_its_port_over_updates_and_rollbacks(machine: FakeMachine) -> None:
    web = service(endpoints=WEB, handover=HOLD)
    first = roll_out(machine, web)
    second = roll_out(machine, web, "2")
    assert first.ports == second.ports
    (port,) = first.ports.values()
    assert f"PublishPort=127.0.0.1:{port}:8080\n" in machine.files["beacon-web.container"]
    renderer = Renderer(lambda: FACTS, RENDERER.templates, loopback(machine).allot)
    roll_back(tools(machine), renderer, "web", None)
    assert machine.load("web").live == 1
    assert f"PublishPort=127.0.0.1:{port}:8080\n" in machine.files["beacon-web.container"]


def test_a_plan_gives_the_same_port_as_the_apply_and_records_nothing(machine: FakeMachine) -> None:
    planned = loopback(machine).allot(
        candidate(machine, push(machine, "1"), service(endpoints=WEB, handover=HOLD))
    )
    assert machine.ports() == {}
    assert roll_out(machine, service(endpoints=WEB, handover=HOLD)).ports == planned.ports
    assert machine.ports() == {"web": planned.ports}


def test_a_release_of_before_gets_its_port_when_it_is_gone_back_to(machine: FakeMachine) -> None:
    web = service(endpoints=WEB, handover=HOLD)
    release = candidate(machine, push(machine, "1"), web)
    files: dict[str, str | None] = {file.name: file.text for file in RENDERER.files(release)}
    deploy(tools(machine), [PlannedRollout(release, files, None)])
    roll_out(machine, web, "2")
    roll_back(tools(machine), Renderer(lambda: FACTS, RENDERER.templates, loopback(machine).allot), "web", 1)
    live = machine.load("web").live_release
    assert live is not None
    assert (live.number, live.ports) == (1, machine.load("web").ports)
    assert "PublishPort=127.0.0.1:" in machine.files["beacon-web.container"]


def test_a_port_is_nobody_else_s(machine: FakeMachine) -> None:
    (mine,) = roll_out(machine, service(endpoints=WEB, handover=HOLD)).ports.values()
    others = [service(f"other-{number}", endpoints=WEB, handover=HOLD) for number in range(9)]
    book = loopback(machine)
    theirs = [
        port
        for other in others
        for port in book.allot(candidate(machine, push(machine, "1"), other)).ports.values()
    ]
    assert sorted([mine, *theirs]) == list(range(20000, 20010))
    with pytest.raises(PortsExhaustedError, match=r"late needs a port .* all of 20000-20009 are taken"):
        book.allot(candidate(machine, push(machine, "1"), service("late", endpoints=WEB, handover=HOLD)))


def test_declared_ports_and_those_in_use_are_left_alone(machine: FakeMachine) -> None:
    declared = service("other", ports=(Port(1, 20000, count=4),))
    web = service(endpoints=WEB, handover=HOLD, ports=(Port(2, 20004, count=2),))
    book = loopback(machine, declared=(declared,), is_free=lambda port, _: port == 20009)
    assert book.allot(candidate(machine, push(machine, "1"), web)).ports == {"8080/tcp": 20009}


def test_the_port_of_a_forgotten_service_is_free_again(machine: FakeMachine) -> None:
    one = PortRange(20000, 20000)
    release = loopback(machine, one).allot(
        candidate(machine, push(machine, "1"), service(endpoints=WEB, handover=HOLD))
    )
    note_candidate(tools(machine), PlannedRollout(release, {}, None))
    begin(tools(machine), PlannedRollout(release, {}, None))
    shop = candidate(machine, push(machine, "1"), service("shop", endpoints=WEB, handover=HOLD))
    with pytest.raises(PortsExhaustedError):
        loopback(machine, one).allot(shop)
    machine.remove("web")
    assert loopback(machine, one).allot(shop).ports == {"8080/tcp": 20000}


def test_of_two_who_meant_the_same_port_the_second_gives_up_unharmed(machine: FakeMachine) -> None:
    one = PortRange(20000, 20000)
    first = loopback(machine, one).allot(
        candidate(machine, push(machine, "1"), service(endpoints=WEB, handover=HOLD))
    )
    second = loopback(machine, one).allot(
        candidate(machine, push(machine, "1"), service("b", endpoints=WEB, handover=HOLD))
    )
    for release in (first, second):
        note_candidate(tools(machine), PlannedRollout(release, {}, None))
    begin(tools(machine), PlannedRollout(first, {}, None))
    with pytest.raises(BusyError, match="port 20000, meant for b, has gone to web meanwhile"):
        begin(tools(machine), PlannedRollout(second, {}, None))
    assert machine.load("b").releases == ()


def test_what_has_no_endpoints_has_no_ports(machine: FakeMachine) -> None:
    release = candidate(machine, push(machine, "1"))
    assert loopback(machine).allot(release) is release
