"""How a service is handed over from one release to the next, and what keeps two from running side by side."""

from __future__ import annotations

from collections.abc import Iterator

from beacon.model.endpoints.network import has_own_ports
from beacon.model.service import Endpoint, Handover, Scheme, Service

_RAW = {Scheme.TCP, Scheme.UDP}


def is_web(endpoint: Endpoint) -> bool:
    """Say whether an endpoint is one for a proxy; others are reached at their ports alone."""
    return endpoint.scheme not in _RAW


def handover_of(service: Service) -> Handover:
    """Return how *service*, in effect, is handed over."""
    if not any(one.redirect is None and is_web(one) for one in service.endpoints):
        return Handover.NONE
    if service.handover is Handover.NONE:
        return Handover.NONE
    if service.handover is not Handover.WAIT and next(hindrances(service), None) is None:
        return Handover.SWAP
    return Handover.WAIT


def hindrances(service: Service) -> Iterator[tuple[str, str]]:
    """Yield (key, why) of what keeps two releases of *service* from running side by side."""
    for index, volume in enumerate(service.volumes):
        if volume.name is not None or not volume.read_only:
            yield f"volume[{index}]", f"both releases would write to {volume.path}"
    for index, network in enumerate(service.networks):
        if not has_own_ports(network):
            yield f"networks[{index}]", f"two cannot have the same ports on {network}"
    if service.podman.container or service.podman.args:
        yield "podman", "what it says of one container may not hold for two"
    if service.docker.args:
        yield "docker", "what it says of one container may not hold for two"
