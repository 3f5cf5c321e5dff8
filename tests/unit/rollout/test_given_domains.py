"""Domains as services are given them: once, for as long as they are known, and to one service only."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.errors import BusyError
from beacon.model.release import Release
from beacon.model.service import Endpoint, Handover, Service
from beacon.rollout.allotting.domains import DomainAllotter
from beacon.rollout.deploy import deploy
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.prepare import note_candidate
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import RENDERER, candidate, push, service, tools

BASE = "host.internal"


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine without services."""
    return FakeMachine()


def domains(
    machine: FakeMachine, base: str = BASE, in_use: tuple[str, ...] = (), *, fixed: bool = False
) -> DomainAllotter:
    return DomainAllotter(machine, base, lambda: in_use, "host", fixed=fixed)


def asking(name: str = "web") -> Service:
    return service(name, endpoints=(Endpoint("auto", 8080),), handover=Handover.NONE)


def roll_out(machine: FakeMachine, of: Service, version: str = "1") -> Release:
    release = domains(machine).allot(candidate(machine, push(machine, version), of))
    files: dict[str, str | None] = {file.name: file.text for file in RENDERER.files(release)}
    deploy(tools(machine), [PlannedRollout(release, files, machine.load(of.name).live)])
    return release


def test_a_service_keeps_its_domain_over_updates_and_loses_it_when_it_is_forgotten(
    machine: FakeMachine,
) -> None:
    first = roll_out(machine, asking())
    assert first.domain.endswith(f".{BASE}")
    assert roll_out(machine, asking(), "2").domain == first.domain
    assert machine.domains() == {"web": first.domain}
    machine.remove("web")
    assert machine.domains() == {}


def test_a_plan_gives_what_an_apply_will_and_writes_nothing(machine: FakeMachine) -> None:
    planned = domains(machine).allot(candidate(machine, push(machine, "1"), asking()))
    assert machine.domains() == {}
    assert roll_out(machine, asking()).domain == planned.domain


def test_who_does_not_ask_gets_none(machine: FakeMachine) -> None:
    release = candidate(machine, push(machine, "1"), service(endpoints=(Endpoint("a.org", 80),)))
    assert domains(machine).allot(release) is release


def test_no_two_get_the_same_whatever_is_in_use(machine: FakeMachine) -> None:
    wanted = domains(machine).domain("web")
    assert domains(machine, in_use=(wanted,)).domain("web") != wanted
    one = domains(machine)
    found = [one.domain(f"service-{number}") for number in range(500)]
    assert len(set(found)) == len(found)
    assert one.domain("service-7") == found[7]


def test_a_name_moves_below_a_base_domain_that_is_set_and_below_no_other(machine: FakeMachine) -> None:
    first = roll_out(machine, asking()).domain
    label = first.partition(".")[0]
    assert domains(machine, "renamed.internal").domain("web") == first
    assert domains(machine, "apps.example.org", fixed=True).domain("web") == f"{label}.apps.example.org"
    taken = domains(machine, "apps.example.org", (f"{label}.apps.example.org",), fixed=True).domain("web")
    assert taken.endswith(".apps.example.org")
    assert not taken.startswith(f"{label}.")


def test_a_domain_that_went_to_another_meanwhile_is_not_taken(machine: FakeMachine) -> None:
    mine = domains(machine).allot(candidate(machine, push(machine, "1"), asking()))
    other = roll_out(machine, asking("other"))
    machine.saved["other"] = machine.load("other").with_release(replace(other, domain=mine.domain))
    with pytest.raises(BusyError, match="has gone to other meanwhile"):
        note_candidate(tools(machine), PlannedRollout(mine, {}, None))
    assert machine.load("web").releases == ()
