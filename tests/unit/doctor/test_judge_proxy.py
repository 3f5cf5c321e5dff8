"""What is said of the managed proxy."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.doctor.judge.facts import ProxyFacts, UnitFacts
from beacon.doctor.judge.finding import Commands, Severity
from beacon.doctor.judge.proxy import proxy
from beacon.model.machine import Scope

COMMANDS = Commands(Scope.SYSTEM)
UP = UnitFacts("caddy.service", "loaded", "active", "enabled")
WELL = ProxyFacts(UP, 2, installed=True, managed=True, imported=True)


def test_where_there_is_no_domain_and_no_proxy_nothing_is_said() -> None:
    assert proxy(ProxyFacts(UnitFacts("caddy.service")), COMMANDS) == []


def test_domains_that_nobody_answers_are_told_with_the_command_that_has_them_answered() -> None:
    (one,) = proxy(replace(WELL, managed=False), COMMANDS)
    assert (one.severity, one.mend) == (Severity.INFO, "sudo beacon endpoint setup")
    (other,) = proxy(replace(WELL, managed=False, installed=False), COMMANDS)
    assert other.mend == "sudo apt install caddy && sudo beacon endpoint setup"


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        (replace(WELL, installed=False), "Caddy is gone"),
        (replace(WELL, imported=False), "/etc/caddy/Caddyfile does not take Beacon's file in"),
        (replace(WELL, unit=replace(UP, active="failed")), "caddy.service is failed"),
    ],
)
def test_what_keeps_every_domain_from_being_answered_is_an_error(facts: ProxyFacts, what: str) -> None:
    (one,) = proxy(facts, COMMANDS)
    assert (one.severity, one.what) == (Severity.ERROR, what)


def test_domains_that_caddy_refuses_are_told_and_those_of_nobody_are_not() -> None:
    (one,) = proxy(replace(WELL, refused={"a.org": "no", "http://": "no"}), COMMANDS)
    assert (one.severity, one.what, one.why) == (Severity.WARNING, "Caddy does not answer a.org", "no")


def test_all_is_well() -> None:
    (one,) = proxy(WELL, COMMANDS)
    assert (one.severity, one.what) == (Severity.OK, "Caddy answers 2 domains")
