"""Where a release is reached, told of what is remembered of it alone, without reading a definition. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from beacon.model.endpoints.network import has_own_ports
from beacon.model.endpoints.sources import AUTO, LABEL, VARIABLE
from beacon.model.release import Release
from beacon.model.service import Endpoint, Port, Scheme

_RAW = {Scheme.TCP, Scheme.UDP}


def published_ports(release: Release) -> tuple[Port, ...]:
    """Return the ports of the machine that lead to a release."""
    service = release.service
    return service.ports if all(map(has_own_ports, service.networks)) else ()


def urls(release: Release) -> tuple[str, ...]:
    """Return what people type to reach a release by way of Beacon's proxy."""
    return tuple(dict.fromkeys(map(url, _endpoints(release))))


def _endpoints(release: Release) -> Iterator[Endpoint]:
    service, image = release.service, release.image
    for endpoint in service.endpoints:
        if endpoint.scheme not in _RAW:
            yield replace(endpoint, domain=_named(endpoint.domain, release))
    said = service.domain or service.env.get(VARIABLE, "")
    if not said and not service.endpoints:
        said = image.labels.get(LABEL, "") or image.env.get(VARIABLE, "")
    for word in said.split():
        yield Endpoint(_named(word.partition(":")[0], release))


def _named(domain: str, release: Release) -> str:
    return release.domain if domain == AUTO else domain


def url(endpoint: Endpoint) -> str:
    """Return what people type to reach an endpoint by way of Caddy."""
    return f"{'http' if endpoint.tls is False else 'https'}://{endpoint.domain}{endpoint.path}"
