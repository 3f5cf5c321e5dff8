"""What Caddy gets: from routes to the sites of a Caddyfile. Pure; Caddy itself is asked elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from beacon.definition.endpoints.claims import claim_text
from beacon.definition.endpoints.handover import is_web
from beacon.endpoints.routing.routes import Route, Upstream
from beacon.model.service import YEAR, Endpoint, Scheme
from beacon.units.mark import stamp

MARKERS = "/run/beacon/routes"
"""The folder of the files by which a rollout moves requests, without a reload: see :func:`ahead_marker`."""

_INTERNAL = {"internal", "local", "localhost", "test", "lan"}
"""Top-level domains for which no public authority signs; so are names without a dot."""
_NEAR = ("127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
_PLAIN = re.compile(r"[^\s\"'`{}\\]+")
_AFTER = 10
"""Seconds after which who found a service down may try again."""

_ERRORS = "beacon-errors"
_HEADER = f"""\
# Made from the endpoints of Beacon's services, and made again when they change: beacon endpoint list
# What you add belongs in /etc/caddy/Caddyfile.

({_ERRORS}) {{
	handle_errors {{
		@down expression `{{err.status_code}} in [502, 503, 504]`
		handle @down {{
			header Retry-After {_AFTER}
			header Cache-Control no-store
			header Content-Type "text/html; charset=utf-8"
			respond `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Back soon</title><style>body{{font:1.1em/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32em;padding:0 1em}}</style><h1>Back soon</h1><p>This service is not available at the moment. Please try again in a few seconds.</p></html>` 503
		}}
		handle {{
			respond "{{err.status_code}} {{err.status_text}}"
		}}
	}}
}}
"""  # noqa: E501 -- Caddy 2.6 has no texts of several lines


class Site(Struct, frozen=True):
    """A block of the Caddyfile: what Caddy calls it, and (service, claim) of the endpoints in it."""

    address: str
    claims: tuple[tuple[str, str], ...]
    text: str


class LeftOut(Struct, frozen=True):
    """An endpoint that Caddy is not given, why, and what mends it."""

    service: str
    claim: str
    why: str
    mend: str = ""


class Caddyfile(Struct, frozen=True):
    """All sites, and the endpoints that are in none of them."""

    sites: tuple[Site, ...]
    left_out: tuple[LeftOut, ...] = ()

    def text(self, without: Collection[str] = ()) -> str:
        """Return the file, less the sites whose addresses are in *without*."""
        kept = [site.text for site in self.sites if site.address not in without]
        return stamp("\n".join([_HEADER, *kept]), "proxy")


NOTHING = Caddyfile(())
"""Caddy 2.6 takes no empty file in."""

UNKNOWN = ("http://", "https://")
"""The sites of whatever has no other: no name that nobody claims leads to a service."""


def caddyfile(found: Iterable[Route]) -> Caddyfile:
    """Return what Caddy is given of the routes *found*."""
    sites: dict[str, list[Route]] = {}
    left_out = []
    for route in found:
        if not is_web(route.endpoint):
            continue
        why, mend = _why_not(route)
        if why:
            left_out.append(LeftOut(route.service, claim_text(route.endpoint), why, mend))
        else:
            sites.setdefault(_address(route.endpoint), []).append(route)
    made = [_site(address, _one_per_path(routes)) for address, routes in sorted(sites.items())]
    secure = any(not site.address.startswith("http://") for site in made)
    unknown = [_unknown(address) for address in (UNKNOWN if secure else UNKNOWN[:1])]
    return Caddyfile((*made, *unknown), tuple(left_out))


def ahead_marker(service: str) -> str:
    """Return the file that sends the requests of *service* to the release that takes the place of another."""
    return f"{service}.ahead"


def wait_marker(service: str) -> str:
    """Return the file that has the requests of *service* wait longer while it does not answer."""
    return f"{service}.hold"


def is_internal(domain: str) -> bool:
    """Say whether a domain's certificate is that of Caddy's own authority."""
    last = domain.rpartition(".")[2]
    return "." not in domain or last in _INTERNAL or domain.endswith(".home.arpa")


def _address(endpoint: Endpoint) -> str:
    return f"http://{endpoint.domain}" if endpoint.tls is False else endpoint.domain


def _why_not(route: Route) -> tuple[str, str]:
    endpoint = route.endpoint
    if route.problem:
        return route.problem, route.mend
    texts = (endpoint.path, endpoint.redirect or "/", *endpoint.forward_headers, *endpoint.basic_auth)
    if not all(_PLAIN.fullmatch(text) for text in texts):
        return "a Caddyfile cannot hold its path", ""
    if endpoint.domain.startswith("*.") and endpoint.tls is not False and not is_internal(endpoint.domain):
        return (
            "a certificate for every name below a domain needs a plugin that Debian's Caddy has not",
            f"name the domains one by one, or set tls = false: beacon edit {route.service} --apply",
        )
    return "", ""


def _one_per_path(routes: Iterable[Route]) -> list[Route]:
    """Return the routes of a site, the longest path first.

    Where a container speaks http and https for the same, http is enough: Caddy stands for HTTPS itself.
    """
    chosen: dict[str, Route] = {}
    for route in sorted(routes, key=lambda route: route.endpoint.scheme is Scheme.HTTPS):
        chosen.setdefault(route.endpoint.path, route)
    return sorted(chosen.values(), key=lambda route: (-len(route.endpoint.path), route.endpoint.path))


def _site(address: str, routes: list[Route]) -> Site:
    domain = routes[0].endpoint.domain
    lines = []
    if is_internal(domain) and not address.startswith("http://"):
        lines.append("tls internal")
    if any(route.endpoint.hsts for route in routes):
        lines.append(f'header ?Strict-Transport-Security "max-age={YEAR}"')
    lines.append("route {")
    for number, route in enumerate(routes, start=1):
        lines += _indented(_block(number, route))
    if routes[-1].endpoint.path != "/":
        lines.append("\terror 404")
    lines += ["}", f"import {_ERRORS}"]
    text = "\n".join([f"{address} {{", *_indented(lines), "}"])
    claims = tuple((route.service, claim_text(route.endpoint)) for route in routes)
    return Site(address, claims, text + "\n")


def _unknown(address: str) -> Site:
    return Site(address, (), f'{address} {{\n\trespond "404 Not Found" 404\n}}\n')


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"\t{line}" for line in lines]


def _block(number: int, route: Route) -> Iterator[str]:
    """Yield what answers at an endpoint. Directives are in a ``route``: they count in the order written."""
    endpoint = route.endpoint
    yield f"# {route.service}"
    if endpoint.path == "/":
        yield "route {"
    else:
        yield f"@{number} path {endpoint.path} {endpoint.path}/*"
        yield f"route @{number} {{"
    yield from _indented(_answer(route, number))
    yield "}"


def _answer(route: Route, number: int) -> Iterator[str]:
    endpoint = route.endpoint
    for name, networks in (("near", _NEAR if endpoint.internal else ()), ("allowed", endpoint.allow)):
        if networks:
            yield f"@not-{name}-{number} not remote_ip {' '.join(networks)}"
            yield f"error @not-{name}-{number} 403"
    if endpoint.redirect is not None:
        yield f"redir {_target(endpoint.redirect)} 308"
        return
    if endpoint.basic_auth:
        yield "basicauth {"
        yield from (f"\t{login.replace(':', ' ', 1)}" for login in endpoint.basic_auth)
        yield "}"
    if endpoint.forward_auth is not None:
        yield from _asking(endpoint, endpoint.forward_auth)
    if endpoint.compress:
        yield "encode zstd gzip"
    yield from _proxy(route, number)


def _target(redirect: str) -> str:
    return redirect if "://" in redirect else f"{{scheme}}://{redirect}{{uri}}"


def _asking(endpoint: Endpoint, asked: str) -> Iterator[str]:
    scheme, _, rest = asked.partition("://")
    host, slash, path = rest.partition("/")
    yield f"forward_auth {scheme}://{host} {{"
    yield f"\turi {slash}{path}" if path else "\turi /"
    if scheme == "https":
        yield "\theader_up Host {upstream_hostport}"
    if endpoint.forward_headers:
        yield f"\tcopy_headers {' '.join(endpoint.forward_headers)}"
    yield "}"


_TRY = "5s"
"""How long a request waits for a service that is just being restarted."""
_HELD = "60s"
"""How long it waits while a release is replaced."""
_FAILED = "2s"
"""How long a release that could not be connected to gets no requests while another is beside it."""
_DIAL = "250ms"
"""How long a connection may take to come about before another is tried.

The first packet to a container that has just gone is lost, and TCP would send it again after a second. Not
where a failure has consequences: under load a packet is lost now and then.
"""


def _asked(name: str, marker: str, *also: str) -> Iterator[str]:
    """Yield what says of a request whether a file is there."""
    yield f"@{name} {{"
    yield from _indented(also)
    yield "\tfile {"
    yield f"\t\troot {MARKERS}"
    yield f"\t\ttry_files {marker}"
    yield "\t}"
    yield "}"


def _proxy(route: Route, number: int) -> Iterator[str]:
    """Yield where requests go.

    A rollout that puts one release beside the other moves them by making a file, which each request is asked
    for. Reloading Caddy would cut connections.
    """
    scheme = route.endpoint.scheme
    here, ahead = _upstream(scheme, route.place), _upstream(scheme, route.ahead)
    insecure = scheme is Scheme.HTTPS
    apart = route.ahead is not None and _LOOPBACK in here
    if route.ahead is not None:
        marker = ahead_marker(route.service)
        if apart:
            yield from _asked(f"sockets-ahead-{number}", marker, _SOCKET)
            upstreams = f"{socket_upstream(ahead)} {socket_upstream(here)}"
            yield from _reverse(f"@sockets-ahead-{number} {upstreams}", *_FIRST, insecure=insecure, dial=None)
        yield from _asked(f"ahead-{number}", marker)
        yield from _reverse(f"@ahead-{number} {ahead} {here}", *_FIRST, insecure=insecure, dial=None)
    if route.waits:
        yield from _asked(f"held-{number}", wait_marker(route.service))
        yield from _reverse(f"@held-{number} {here}", f"lb_try_duration {_HELD}", insecure=insecure)
    if apart:
        yield f"@sockets-{number} {_SOCKET}"
        yield from _reverse(f"@sockets-{number} {socket_upstream(here)}", _TRIED, insecure=insecure)
    yield from _reverse(here, _TRIED, insecure=insecure)


_SOCKET = "header Upgrade websocket"
_LOOPBACK = "127.0.0.1:"
_TRIED = f"lb_try_duration {_TRY}"
_FIRST = ("lb_policy first", _TRIED, f"fail_duration {_FAILED}")


def socket_upstream(upstream: str) -> str:
    """Return the same place by another name: so Caddy counts the websockets there by themselves."""
    return upstream.replace(_LOOPBACK, "localhost:")


def _reverse(to: str, *options: str, insecure: bool, dial: str | None = _DIAL) -> Iterator[str]:
    """Yield how a service is spoken to: each request by a connection of its own, so that none is cut."""
    yield f"reverse_proxy {to} {{"
    yield from _indented(options)
    yield "\tlb_try_interval 50ms"
    yield "\ttransport http {"
    yield "\t\tkeepalive off"
    if dial is not None:
        yield f"\t\tdial_timeout {dial}"
    if insecure:
        yield "\t\ttls_insecure_skip_verify"
    yield "\t}"
    yield "}"


_PREFIXES = {Scheme.HTTPS: "https://", Scheme.H2C: "h2c://"}


def _upstream(scheme: Scheme, place: Upstream | None) -> str:
    place = place or Upstream("", 0)
    return f"{_PREFIXES.get(scheme, '')}{Upstream(place.address or '127.0.0.1', place.port)}"
