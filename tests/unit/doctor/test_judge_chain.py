"""Which link between a domain and its service is broken, and what is told of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.doctor.judge.chain import broken, chain
from beacon.doctor.judge.finding import Commands, Finding, Severity
from beacon.doctor.judge.links import (
    HttpAnswer,
    Links,
    ListeningProgram,
    Managed,
    NameFacts,
    ShownCertificate,
    Signer,
)
from beacon.endpoints.routing.routes import Route, State, Upstream
from beacon.model.machine import Scope
from beacon.model.service import Endpoint, Scheme

COMMANDS = Commands(Scope.SYSTEM)
NOW = 1_800_000_000.0
DAY = 86400.0
MACHINE = ("198.51.100.7",)
"""An address of documentation, so a private one as far as Python goes."""
CADDY = ListeningProgram(answers=True, program="caddy", process=7)
NGINX = ListeningProgram(answers=True, program="nginx", process=70)
SILENT = ListeningProgram(answers=False)
ROUTE = Route("web", Endpoint("example.org", 8080), State.UP, Upstream("127.0.0.1", 20001))
WELL = Links(
    ROUTE,
    "example.org",
    NameFacts(MACHINE, frozenset(MACHINE), MACHINE),
    Managed(installed=True, there=True, active="active", loaded=True),
    NOW,
    {80: CADDY, 443: CADDY},
    ShownCertificate(Signer.PUBLIC, "Let's Encrypt", NOW - 30 * DAY, NOW + 60 * DAY),
    HttpAnswer(200),
    HttpAnswer(200),
    "active",
)
INTERNAL = replace(
    WELL,
    domain="web.internal",
    route=replace(ROUTE, endpoint=Endpoint("web.internal", 8080)),
    certificate=ShownCertificate(Signer.CADDY, "Caddy Local Authority", NOW, NOW + DAY / 2),
)


def found(facts: Links, link: str, commands: Commands = COMMANDS) -> list[Finding]:
    return [one for report in chain(facts, commands) if report.check == link for one in report.findings]


def only(facts: Links, link: str) -> Finding:
    (one,) = found(facts, link)
    return one


def worst(facts: Links) -> dict[str, str]:
    """Return the links that are not in order."""
    reports = chain(facts, COMMANDS)
    return {one.check: one.severity.word for one in reports if one.severity is not Severity.OK}


@pytest.mark.parametrize("facts", [WELL, INTERNAL])
def test_a_whole_chain_has_five_links_in_order(facts: Links) -> None:
    reports = chain(facts, COMMANDS)
    assert [one.check for one in reports] == ["dns", "port", "certificate", "proxy", "service"]
    assert worst(facts) == {}
    assert broken(reports) is None


@pytest.mark.parametrize(
    ("name", "severity", "what"),
    [
        (
            NameFacts(machine=MACHINE, problem="there is no such name"),
            Severity.ERROR,
            "example.org does not resolve: there is no such name",
        ),
        (
            NameFacts(problem="the name servers do not answer", answered=False),
            Severity.WARNING,
            "example.org does not resolve: the name servers do not answer",
        ),
        (
            NameFacts(("9.9.9.9",), machine=("8.8.8.8",)),
            Severity.ERROR,
            "example.org leads to 9.9.9.9, and not to this machine",
        ),
        (
            NameFacts(("9.9.9.9",), machine=("192.168.1.4",)),
            Severity.WARNING,
            "example.org leads to 9.9.9.9, which is not an address of this machine",
        ),
        (
            NameFacts(("192.168.1.9",), machine=("192.168.1.4",)),
            Severity.ERROR,
            "example.org leads to 192.168.1.9, and not to this machine",
        ),
        (
            NameFacts(("8.8.8.8", "9.9.9.9"), frozenset({"8.8.8.8"}), ("8.8.8.8",)),
            Severity.WARNING,
            "example.org leads to this machine, and to 9.9.9.9 too",
        ),
        (
            NameFacts(("127.0.1.1",), frozenset({"127.0.1.1"}), MACHINE),
            Severity.INFO,
            "example.org leads to 127.0.1.1, the machine's own loopback",
        ),
    ],
)
def test_where_the_name_leads(name: NameFacts, severity: Severity, what: str) -> None:
    one = only(replace(WELL, name=name), "dns")
    assert (one.severity, one.what) == (severity, what)


def test_the_record_that_is_missing_is_told_with_the_machine_s_address() -> None:
    one = only(replace(WELL, name=NameFacts(machine=("8.8.8.8",), problem="there is no such name")), "dns")
    assert one.mend == "a DNS record: example.org → 8.8.8.8"


def test_an_internal_name_may_be_known_to_others_only() -> None:
    one = only(replace(INTERNAL, name=NameFacts(problem="there is no such name")), "dns")
    assert one.severity is Severity.WARNING


def test_a_stopped_caddy_is_told_once() -> None:
    facts = replace(
        WELL,
        proxy=replace(WELL.proxy, active="inactive", loaded=None),
        ports={80: SILENT, 443: SILENT},
        certificate=None,
        by_proxy=None,
    )
    assert worst(facts) == {"port": "error"}
    one = only(facts, "port")
    assert one.what == "nobody answers at ports 80 and 443: caddy.service is inactive"
    assert one.mend == "sudo systemctl enable --now caddy"


def test_somebody_else_at_the_port_is_named() -> None:
    one = only(replace(WELL, ports={80: CADDY, 443: NGINX}), "port")
    assert (one.severity, one.what) == (Severity.ERROR, "nginx listens at port 443")
    assert one.mend.startswith("systemctl status 70 names its unit")


def test_plain_http_needs_port_80_alone_and_https_can_do_without_it() -> None:
    plain = replace(
        WELL,
        route=replace(ROUTE, endpoint=replace(ROUTE.endpoint, tls=False)),
        ports={80: CADDY, 443: SILENT},
        certificate=None,
    )
    assert worst(plain) == {}
    assert worst(replace(WELL, ports={80: SILENT, 443: CADDY})) == {"port": "warning"}
    assert worst(replace(WELL, ports={80: CADDY, 443: SILENT}, certificate=None, by_proxy=None)) == {
        "port": "error"
    }


@pytest.mark.parametrize(
    ("certificate", "severity", "what"),
    [
        (
            ShownCertificate(missing=True, problem="tlsv1 alert internal error"),
            Severity.ERROR,
            "Caddy has no certificate for example.org",
        ),
        (
            ShownCertificate(problem="certificate has expired"),
            Severity.ERROR,
            "browsers refuse the certificate: certificate has expired",
        ),
        (
            ShownCertificate(Signer.CADDY, "Caddy", NOW, NOW + DAY),
            Severity.WARNING,
            "the certificate is of Caddy's own authority, until 2027-01-16 08:00 UTC",
        ),
        (
            ShownCertificate(Signer.PUBLIC, "Let's Encrypt", NOW - 89 * DAY, NOW + DAY),
            Severity.WARNING,
            "the certificate of Let's Encrypt ends 2027-01-16 08:00 UTC",
        ),
        (
            ShownCertificate(Signer.PUBLIC, "step-ca", NOW, NOW + DAY),
            Severity.OK,
            "of step-ca, until 2027-01-16 08:00 UTC",
        ),
    ],
)
def test_what_browsers_would_say_of_the_certificate(
    certificate: ShownCertificate, severity: Severity, what: str
) -> None:
    one = only(replace(WELL, certificate=certificate, by_proxy=HttpAnswer(problem="x")), "certificate")
    assert (one.severity, one.what) == (severity, what)


def test_a_request_that_fails_for_its_certificate_is_no_second_fault() -> None:
    facts = replace(
        WELL, certificate=ShownCertificate(missing=True), by_proxy=HttpAnswer(problem="internal error")
    )
    assert worst(facts) == {"certificate": "error"}


def test_what_caddy_was_not_told_of_and_what_it_has_not_loaded() -> None:
    notified = replace(
        WELL, proxy=replace(WELL.proxy, left_out="another site has it", mend="take it out there")
    )
    one = only(notified, "proxy")
    assert (one.what, one.mend) == ("Caddy is not told of it: another site has it", "take it out there")
    late = replace(
        WELL,
        proxy=replace(WELL.proxy, loaded=False),
        certificate=ShownCertificate(missing=True),
        by_proxy=HttpAnswer(problem="internal error"),
    )
    assert worst(late) == {"proxy": "error"}
    assert only(late, "proxy").what == "Caddy runs without example.org"


def test_a_service_that_is_down_is_not_the_proxy_s_fault() -> None:
    down = replace(
        WELL, route=replace(ROUTE, state=State.DOWN), by_proxy=HttpAnswer(503), direct=None, unit="inactive"
    )
    assert worst(down) == {"service": "error"}
    one = only(down, "service")
    assert (one.what, one.mend) == ("beacon-web.service is inactive", "beacon start web")
    failed = only(replace(down, unit="failed"), "service")
    assert (failed.what, failed.mend) == ("beacon-web.service is failed", "beacon logs web")


def test_a_proxy_that_does_not_reach_a_service_that_answers_is_at_fault() -> None:
    assert worst(replace(WELL, by_proxy=HttpAnswer(502))) == {"proxy": "error"}


def test_a_service_that_says_503_itself_is_told_as_such() -> None:
    assert worst(replace(WELL, by_proxy=HttpAnswer(503), direct=HttpAnswer(503))) == {"service": "warning"}


def test_whatever_else_a_service_answers_with_is_an_answer() -> None:
    assert worst(replace(WELL, by_proxy=HttpAnswer(404), direct=HttpAnswer(404))) == {}
    guarded = replace(WELL, route=replace(ROUTE, endpoint=replace(ROUTE.endpoint, allow=("192.0.2.0/24",))))
    assert only(replace(guarded, by_proxy=HttpAnswer(403)), "proxy").what.startswith("Caddy answers with 403")


def test_a_container_that_listens_elsewhere_is_found() -> None:
    facts = replace(WELL, by_proxy=HttpAnswer(502), direct=HttpAnswer(problem="connection refused"))
    assert worst(facts) == {"service": "error"}
    one = only(facts, "service")
    assert one.what == "web runs, and 127.0.0.1:20001 does not answer: connection refused"
    assert one.why == "the container may not listen at port 8080"


def test_health_and_starting() -> None:
    assert worst(replace(WELL, route=replace(ROUTE, state=State.UNHEALTHY))) == {"service": "error"}
    assert worst(replace(WELL, route=replace(ROUTE, state=State.STARTING))) == {"service": "info"}


def test_an_endpoint_that_is_nowhere_published_says_what_mends_it() -> None:
    route = replace(ROUTE, place=None, problem="port 8080 is not published", mend="beacon apply web")
    assert only(replace(WELL, route=route, direct=None), "service").mend == "beacon apply web"


def test_a_redirect_needs_no_service() -> None:
    endpoint = Endpoint("old.org", redirect="example.org")
    facts = replace(
        WELL,
        route=Route("web", endpoint, State.DOWN),
        domain="old.org",
        by_proxy=HttpAnswer(308),
        direct=None,
        unit="failed",
    )
    assert worst(facts) == {}
    assert only(facts, "proxy").what == "Caddy sends requests on to example.org"


def test_without_a_managed_proxy_name_and_service_are_judged() -> None:
    facts = replace(
        WELL,
        proxy=Managed(installed=True),
        ports={80: NGINX, 443: SILENT},
        certificate=None,
        by_proxy=None,
    )
    assert worst(facts) == {"port": "info", "proxy": "info"}
    assert only(facts, "port").what == "nginx listens at port 80"
    assert only(facts, "proxy").mend == "sudo beacon endpoint setup"
    missing = replace(facts, proxy=Managed())
    assert only(missing, "proxy").mend == "sudo apt install caddy && sudo beacon endpoint setup"
    (for_user,) = found(facts, "proxy", Commands(Scope.USER))
    assert for_user.mend == ""


def test_tcp_and_udp_are_reached_at_their_ports_without_a_proxy() -> None:
    endpoint = Endpoint("db.org", 5432, scheme=Scheme.TCP)
    route = Route("db", endpoint, State.UP, Upstream("", 5432))
    facts = replace(
        WELL, route=route, domain="db.org", ports={}, certificate=None, by_proxy=None, direct=HttpAnswer()
    )
    assert [one.check for one in chain(facts, COMMANDS)] == ["dns", "port", "service"]
    assert worst(facts) == {}
    assert only(facts, "port").what == "tcp port *:5432 is published, for everywhere"
    near = replace(facts, route=replace(route, place=Upstream("127.0.0.1", 20001)))
    assert worst(near) == {"port": "warning"}
    silent = replace(facts, direct=HttpAnswer(problem="nobody listens there"))
    assert worst(silent) == {"service": "error"}
