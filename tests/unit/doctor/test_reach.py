"""What services lack to start again, and published ports that lead nowhere."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread

import pytest
from msgspec.structs import replace

from beacon.doctor.collect.published import leads_nowhere, own_place
from beacon.doctor.judge.chain import chain
from beacon.doctor.judge.finding import Commands, Severity
from beacon.doctor.judge.links import HttpAnswer
from beacon.doctor.judge.reach import RELOAD, DeadPort, StartFacts, published, starts
from beacon.model.machine import Scope
from beacon.model.notice import Notice
from tests.unit.doctor.test_judge_chain import WELL

COMMANDS = Commands(Scope.SYSTEM)


def test_what_is_lacking_is_an_error_with_what_mends_it() -> None:
    lacks = {"web": (Notice("there is no secret 'tok'", "beacon secret set tok"),)}
    (found,) = starts(StartFacts(2, lacks), COMMANDS)
    assert (found.severity, found.mend) == (Severity.ERROR, "beacon secret set tok")
    assert found.what == "web could not start: there is no secret 'tok'"
    assert starts(StartFacts(2), COMMANDS)[0].severity is Severity.OK


def test_dead_ports_are_one_finding_with_the_command_that_brings_the_rules_back() -> None:
    dead = tuple(DeadPort(name, f"127.0.0.1:{port}", "10.88.0.2:80") for name, port in (("a", 80), ("b", 81)))
    (found,) = published(dead, COMMANDS)
    assert (found.severity, found.mend) == (Severity.ERROR, RELOAD)
    assert "127.0.0.1:80 of a, 127.0.0.1:81 of b" in found.what
    assert [one.severity for one in published((), COMMANDS)] == [Severity.OK]
    assert published(None, COMMANDS) == []


@pytest.mark.parametrize(
    ("own", "what", "why"),
    [
        ("10.88.0.2:8080", "127.0.0.1:20001 is dead, though the container of web answers at", "rules"),
        ("", "web runs, and 127.0.0.1:20001 does not answer", "does not listen at port 8080"),
        (None, "web runs, and 127.0.0.1:20001 does not answer", "may not listen at port 8080"),
    ],
)
def test_a_dead_port_is_told_from_a_container_that_does_not_listen(
    own: str | None, what: str, why: str
) -> None:
    facts = replace(WELL, direct=HttpAnswer(problem="timed out"), own=own)
    (found,) = [
        one for report in chain(facts, COMMANDS) if report.check == "service" for one in report.findings
    ]
    assert found.what.startswith(what)
    assert why in found.why
    assert (RELOAD in found.mend) == bool(own)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Return a socket at which nobody accepts connections, as that of Podman's monitor."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_who_only_keeps_a_port_taken_leads_nowhere(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    assert leads_nowhere("127.0.0.1", port)
    assert own_place("127.0.0.1", port) == ""
    taken: list[socket.socket] = []
    thread = Thread(target=lambda: taken.extend(listening.accept()[0] for _ in range(3)))
    thread.start()  # the two of before wait, too
    assert own_place("127.0.0.1", port) == f"127.0.0.1:{port}"
    thread.join()
    for connection in taken:
        connection.close()
    assert own_place("", port) == ""
