"""Judge the links between whoever types a domain and the service: name, port, certificate, proxy, service."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime

from beacon.definition.endpoints.handover import is_web
from beacon.doctor.judge.finding import Commands, Finding, Report, Severity, error, info, ok, warning
from beacon.doctor.judge.links import Links, NameFacts, Signer
from beacon.doctor.judge.reach import FLUSHED, RELOAD
from beacon.endpoints.routing.caddyfile import is_internal
from beacon.endpoints.routing.routes import Reach, State
from beacon.formats.moments import shown
from beacon.model.machine import Scope
from beacon.model.service import Scheme
from beacon.model.unit import unit_name

DNS, PORT, CERTIFICATE, PROXY, SERVICE = ("dns", "port", "certificate", "proxy", "service")
HTTP, HTTPS = 80, 443

_LATE = 1 / 6
"""Of a certificate's life; Caddy renews it when a third is left."""
_SETUP = "sudo beacon endpoint setup"
_JOURNAL = "journalctl -u caddy"
_SENT_ON = frozenset({301, 302, 303, 307, 308})
_DENIED = frozenset({401, 403})
_BEHIND = frozenset({502, 503, 504})
"""What a proxy says for a service that does not answer."""


def chain(facts: Links, commands: Commands) -> tuple[Report, ...]:
    """Return what is found of each link, in the order in which a request meets them.

    What cannot be seen because an earlier link is broken is left out.
    """
    service = list(_service(facts))
    judged = {
        DNS: list(_name(facts)),
        PORT: list(_port(facts)),
        CERTIFICATE: list(_certificate(facts)),
        PROXY: list(_proxy(facts, commands, down=any(one.severity >= Severity.ERROR for one in service))),
        SERVICE: service,
    }
    return tuple(Report(link, tuple(found)) for link, found in judged.items() if found)


def broken(reports: tuple[Report, ...]) -> str | None:
    """Return the first link that is broken."""
    return next((one.check for one in reports if one.severity is Severity.ERROR), None)


def wanted_ports(facts: Links) -> tuple[int, ...]:
    """Return the ports of the proxy at which an endpoint is answered."""
    return (HTTP,) if facts.route.endpoint.tls is False else (HTTPS, HTTP)


# DNS


def _name(facts: Links) -> Iterator[Finding]:
    name, domain = facts.name, facts.domain
    internal = is_internal(domain)
    machine = " or ".join(name.machine) or "this machine"
    if name.problem:
        what = f"{domain} does not resolve: {name.problem}"
        if not name.answered:
            yield warning(what, "where it leads cannot be said", "resolvectl status, or see /etc/resolv.conf")
        elif internal:
            mend = f"a record in your network's name server, or in /etc/hosts there: {machine} {domain}"
            yield warning(what, "whoever is to reach it needs the name too", mend)
        else:
            yield error(what, "nobody finds this machine by it", f"a DNS record: {domain} → {machine}")
        return
    elsewhere = [one for one in name.addresses if one not in name.here]
    if not elsewhere:
        yield _here(facts.domain, name)
    elif len(elsewhere) < len(name.addresses):
        yield warning(
            f"{domain} leads to this machine, and to {', '.join(elsewhere)} too",
            "some requests go there",
            f"take the record of {elsewhere[0]} away, unless that is another way to this machine",
        )
    elif _behind_router(elsewhere, name.machine):
        yield warning(
            f"{domain} leads to {', '.join(elsewhere)}, which is not an address of this machine",
            f"that is right where a router there sends ports {HTTP} and {HTTPS} on to {machine}",
            "see the router's forwarded ports; what comes in from outside cannot be tried from here",
        )
    else:
        yield error(
            f"{domain} leads to {', '.join(elsewhere)}, and not to this machine",
            "requests go there",
            f"change its DNS record: {domain} → {machine}",
        )


def _here(domain: str, name: NameFacts) -> Finding:
    if all(ipaddress.ip_address(one).is_loopback for one in name.addresses):
        return info(
            f"{domain} leads to {', '.join(name.addresses)}, the machine's own loopback",
            "that says nothing of where it leads others",
            f"dig {domain}, on another machine",
        )
    return ok(f"{domain} leads here: {', '.join(name.addresses)}")


def _behind_router(addresses: list[str], machine: tuple[str, ...]) -> bool:
    """Say whether the machine may be one behind a router that has the addresses."""
    leads_out = all(ipaddress.ip_address(one).is_global for one in addresses)
    return leads_out and not any(ipaddress.ip_address(one).is_global for one in machine)


# Port


def _port(facts: Links) -> Iterator[Finding]:
    if not is_web(facts.route.endpoint):
        yield from _published(facts)
        return
    listens = {port: facts.ports[port] for port in wanted_ports(facts) if port in facts.ports}
    if not facts.proxy.there:
        for port, one in listens.items():
            if one.answers:
                yield info(f"{one.program or 'a program'} listens at port {port}")
        return
    others = {port: one for port, one in listens.items() if one.answers and one.program not in {"", "caddy"}}
    for port, one in others.items():
        why = "Caddy cannot have it, and requests go there"
        mend = f"systemctl status {one.process} names its unit: stop that, and sudo systemctl restart caddy"
        yield error(f"{one.program} listens at port {port}", why, mend)
    silent = [port for port, one in listens.items() if not one.answers]
    if silent and facts.proxy.active != "active":
        what = f"nobody answers at {_ports(silent)}: caddy.service is {facts.proxy.active}"
        yield error(what, "no domain of this machine is answered", "sudo systemctl enable --now caddy")
    elif silent:
        judge = warning if silent == [HTTP] and HTTPS in listens else error
        yield judge(f"Caddy runs and does not answer at {_ports(silent)}", "requests there fail", _JOURNAL)
    if not others and not silent and listens:
        yield ok(f"Caddy answers at {_ports(list(listens))}")


def _ports(ports: list[int]) -> str:
    noun = "port" if len(ports) == 1 else "ports"
    return f"{noun} {' and '.join(map(str, sorted(ports)))}"


def _published(facts: Links) -> Iterator[Finding]:
    """Judge a port of tcp or udp, which no proxy stands before."""
    route = facts.route
    if route.place is None:
        return
    kind = route.endpoint.scheme
    if route.place.reach is Reach.LOOPBACK:
        yield warning(
            f"{kind} port {route.place} is published on the loopback",
            "nobody but this machine reaches it",
            f"beacon edit {route.service} --apply: port = [{{ host = {route.place.port}, "
            f"container = {route.endpoint.port} }}]",
        )
    else:
        yield ok(f"{kind} port {route.place} is published, for {route.place.reach}")


# Certificate


def _certificate(facts: Links) -> Iterator[Finding]:
    one, domain = facts.certificate, facts.domain
    if one is None or facts.proxy.left_out:
        return
    internal = is_internal(domain)
    if one.missing and facts.proxy.loaded is False:
        return  # said of the proxy
    if one.missing and not internal:
        yield error(
            f"Caddy has no certificate for {domain}",
            "an authority gives it one as soon as it reaches this machine by that name at port 80 or 443",
            f"mend what dns and port say, then {_JOURNAL}",
        )
    elif one.missing:
        yield error(f"Caddy has no certificate for {domain}", "it makes one itself within seconds", _JOURNAL)
    elif one.problem:
        yield error(f"browsers refuse the certificate: {one.problem}", "nobody gets past it", _JOURNAL)
    elif one.signer is Signer.CADDY and not internal:
        yield warning(
            f"the certificate is of Caddy's own authority, until {_day(one.until)}",
            "browsers warn of it",
            f"{_JOURNAL} says why no public authority gave one",
        )
    elif one.signer is Signer.CADDY:
        yield ok(
            f"of Caddy's own authority, until {_day(one.until)}; who is to trust it: beacon endpoint trust"
        )
    elif one.until - facts.now < (one.until - one.since) * _LATE:
        yield warning(
            f"the certificate of {one.issuer} ends {_day(one.until)}", "it should be renewed by now", _JOURNAL
        )
    else:
        yield ok(f"of {one.issuer}, until {_day(one.until)}")


def _day(time: float) -> str:
    return shown(datetime.fromtimestamp(time, UTC))


# Proxy


def _proxy(facts: Links, commands: Commands, *, down: bool) -> Iterator[Finding]:
    if not is_web(facts.route.endpoint):
        return
    proxy = facts.proxy
    if not proxy.there:
        yield _none_set_up(facts, commands)
    elif proxy.left_out:
        yield error(f"Caddy is not told of it: {proxy.left_out}", "nobody answers there", proxy.mend)
    elif proxy.active != "active":
        return  # said of the port
    elif proxy.loaded is False:
        yield error(
            f"Caddy runs without {facts.route.endpoint.domain}",
            "its configuration is older than the endpoint",
            f"sudo beacon apply {facts.route.service}, or sudo systemctl reload caddy",
        )
    else:
        yield from _answered(facts, down=down)


def _none_set_up(facts: Links, commands: Commands) -> Finding:
    what = "no proxy of Beacon's is set up"
    why = "whoever types the domain reaches another proxy of yours, or nobody"
    if commands.scope is Scope.USER:
        return info("Caddy answers for the machine's services, not for a user's", why)
    return info(what, why, _SETUP if facts.proxy.installed else f"sudo apt install caddy && {_SETUP}")


def _answered(facts: Links, *, down: bool) -> Iterator[Finding]:
    answer, route = facts.by_proxy, facts.route
    if answer is None:
        return
    place = route.place or "the service"
    if answer.problem:
        if facts.certificate is None or not (facts.certificate.missing or facts.certificate.problem):
            yield error(f"a request to Caddy fails: {answer.problem}", "nobody gets an answer", _JOURNAL)
    elif route.endpoint.redirect is not None and answer.status in _SENT_ON:
        yield ok(f"Caddy sends requests on to {route.endpoint.redirect}")
    elif answer.status in _DENIED and _is_guarded(facts):
        yield ok(f"Caddy answers with {answer.status}, for it asks who it is that wants in")
    elif answer.status in _BEHIND and down:
        yield ok(f"Caddy has the domain, and answers with {answer.status} for the service")
    elif answer.status in _BEHIND and facts.direct is not None and facts.direct.status == answer.status:
        yield ok(f"Caddy hands requests on to {place}")
    elif answer.status in _BEHIND:
        yield error(
            f"Caddy answers with {answer.status}: it does not reach {place}",
            "the service is up, and its clients get an error",
            f"beacon logs {route.service}, and {_JOURNAL}",
        )
    else:
        yield ok(f"Caddy hands requests on to {place}")


def _is_guarded(facts: Links) -> bool:
    one = facts.route.endpoint
    return bool(one.internal or one.allow or one.basic_auth or one.forward_auth)


# Service


def _service(facts: Links) -> Iterator[Finding]:
    route = facts.route
    if route.endpoint.redirect is not None:
        return
    unit, logs = unit_name(route.service), f"beacon logs {route.service}"
    if route.state is State.DOWN:
        start = f"beacon start {route.service}" if facts.unit == "inactive" else logs
        yield error(f"{unit} is {facts.unit}", "nobody is there to answer", start)
    elif route.problem:
        yield error(route.problem, "no request gets to the service", route.mend)
    elif route.state is State.UNHEALTHY:
        yield error(f"{route.service} runs and is unhealthy", "its health check fails", logs)
    elif facts.direct is not None and facts.direct.problem:
        yield _silent(facts, facts.direct.problem, logs)
    elif facts.direct is not None and facts.direct.status in _BEHIND:
        yield warning(
            f"{route.service} itself answers with {facts.direct.status}",
            "it is up, and not ready to serve",
            logs,
        )
    elif route.state is State.STARTING:
        yield info(f"{route.service} still starts")
    else:
        said = f" with {facts.direct.status}" if facts.direct is not None and facts.direct.status else ""
        unheard = route.endpoint.scheme is Scheme.UDP
        verb = "is listened at" if unheard else f"answers{said}"
        yield ok(f"{route.service} is up; {route.place} {verb}" if route.place else f"{route.service} is up")


def _silent(facts: Links, problem: str, logs: str) -> Finding:
    """Judge a service that runs and does not answer at its place."""
    route = facts.route
    if facts.own:
        what = f"{route.place} is dead, though the container of {route.service} answers at {facts.own}"
        return error(what, FLUSHED, f"sudo {RELOAD}")
    judge = warning if route.state is State.STARTING else error
    listens = "may not listen" if facts.own is None else "does not listen"
    return judge(
        f"{route.service} runs, and {route.place} does not answer: {problem}",
        f"the container {listens} at port {route.endpoint.port}",
        f"{logs}; beacon edit {route.service} --apply changes the port",
    )
