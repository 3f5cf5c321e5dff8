"""The keys that Traefik reads from a store (its providers redis and etcd): one value a key, no arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from zlib import crc32

from beacon.endpoints.routing.announcements import Announcement, Announcements, left_out
from beacon.model.endpoints.publication import Publication
from beacon.model.service import YEAR, Endpoint, Scheme

_NO_NAME = re.compile(r"[^A-Za-z0-9-]")
_PLAIN = re.compile(r"/|(/[A-Za-z0-9-]+)+")
_NO_SERVICE = "noop@internal"
"""Traefik's own service for routers that only send on."""
_EXACT = 10_000
"""What a domain is preferred by to a wildcard, whatever their paths: more than a path is long."""


def keys(
    announced: Announcements, machine: str, publication: Publication
) -> tuple[Mapping[str, str], list[str]]:
    """Return key → value for all *announced*, and what has no place there, each with the reason."""
    found: dict[str, str] = {}
    without = []
    for service, own in announced.services.items():
        for announcement in own:
            if why := _why_not(announcement):
                without.append(left_out(announcement, why))
                continue
            # By the endpoint, not by a count: what becomes of its neighbours does not rename it.
            name = _name(machine, service, announcement.endpoint)
            prefix = publication.prefix
            found |= {
                f"{prefix}/{key}" if prefix else key: value
                for key, value in _pairs(name, announcement, publication)
            }
    return found, without


def _name(machine: str, service: str, endpoint: Endpoint) -> str:
    """Return what no two endpoints come to: not /v1/x and /v1_x, nor /https and https:// either.

    What stands behind two underscores, here and in the names of middlewares, is not of a path.
    """
    parts = [machine, service, endpoint.domain, endpoint.path.strip("/")]
    name = "_".join(_NO_NAME.sub("_", part) for part in parts if part)
    if not _PLAIN.fullmatch(endpoint.path):
        name += f"-{crc32(endpoint.path.encode()):08x}"
    return f"{name}__https" if endpoint.scheme is Scheme.HTTPS else name


def _why_not(announcement: Announcement) -> str:
    endpoint = announcement.endpoint
    if endpoint.internal:
        return "the format has no internal endpoints"
    if announcement.is_marked:
        return f"the service is {announcement.state}, and the format has no mark for that"
    if endpoint.scheme in {Scheme.TCP, Scheme.UDP}:
        # A route for all names would take every other request of the entry point.
        return f"Traefik needs an entry point of its own for each {endpoint.scheme} endpoint"
    if "`" in endpoint.path:
        # It would end there, and what follows be a rule: for the domains of others, say.
        return "a rule of Traefik cannot hold its path"
    return ""


def _pairs(name: str, announcement: Announcement, publication: Publication) -> Iterator[tuple[str, str]]:
    endpoint = announcement.endpoint
    router = f"http/routers/{name}"
    yield f"{router}/rule", _rule(endpoint)
    yield f"{router}/priority", str(_priority(endpoint))
    for index, (middleware, options) in enumerate(_middlewares(name, endpoint)):
        yield f"{router}/middlewares/{index}", middleware
        for option, value in options.items():
            yield f"http/middlewares/{middleware}/{option}", value
    if endpoint.redirect is not None:
        yield f"{router}/service", _NO_SERVICE
    else:
        yield f"{router}/service", name
        yield (
            f"http/services/{name}/loadbalancer/servers/0/url",
            f"{endpoint.scheme}://{announcement.address}",
        )
    for index, entrypoint in enumerate(publication.entrypoints):
        yield f"{router}/entrypoints/{index}", entrypoint
    if endpoint.tls or (endpoint.tls is None and publication.certresolver is not None):
        yield f"{router}/tls", "true"
        if publication.certresolver is not None:
            yield f"{router}/tls/certresolver", publication.certresolver


def _middlewares(name: str, endpoint: Endpoint) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Return what requests pass on their way, in order, each under a name of its own with its options."""
    if endpoint.allow:
        yield f"{name}__allow", _several("ipallowlist/sourcerange", endpoint.allow)
    if endpoint.basic_auth:
        yield f"{name}__login", _several("basicauth/users", endpoint.basic_auth)
    if endpoint.forward_auth is not None:
        headers = _several("forwardauth/authresponseheaders", endpoint.forward_headers)
        yield f"{name}__asked", {"forwardauth/address": endpoint.forward_auth, **headers}
    if endpoint.hsts:
        yield f"{name}__hsts", {"headers/stsseconds": str(YEAR)}
    if endpoint.redirect is not None:
        regex, replacement = _redirection(endpoint.redirect)
        yield name, {"redirectregex/regex": regex, "redirectregex/replacement": replacement}


def _several(key: str, values: Iterable[str]) -> dict[str, str]:
    return {f"{key}/{index}": value for index, value in enumerate(values)}


def _rule(endpoint: Endpoint) -> str:
    domain = endpoint.domain
    below = f"HostRegexp(`^[^.]+{re.escape(domain[1:])}$`)"
    host = below if domain.startswith("*.") else f"Host(`{domain}`)"
    if endpoint.path == "/":
        return host
    # Not by the prefix alone: that of /api has /apis too.
    return f"{host} && (Path(`{endpoint.path}`) || PathPrefix(`{endpoint.path}/`))"


def _priority(endpoint: Endpoint) -> int:
    """Return what a router goes before others by: its domain, then its path.

    Traefik's own is the length of the rule, and that of a wildcard is longer than that of a domain.
    """
    return len(endpoint.path) + (0 if endpoint.domain.startswith("*.") else _EXACT)


def _redirection(target: str) -> tuple[str, str]:
    """Return what is replaced and by what: a domain keeps scheme and path, a URL is what it is."""
    if "://" in target:
        return ".*", target
    return "^(https?)://[^/]+/(.*)", f"${{1}}://{target}/${{2}}"
