"""What a definition says of a network that its service is on."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace


class Network(Struct, frozen=True):
    """``[network.NAME]``: how a network of the service is, and at which *address* the service is there.

    All services on the network say the same of it, but for the address.
    """

    internal: bool = False
    subnet: tuple[str, ...] = ()
    gateway: tuple[str, ...] = ()
    driver: str | None = None
    ipv6: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    """The driver's."""
    address: tuple[str, ...] = ()
    """Of the service; one of each family."""

    @property
    def shared(self) -> Network:
        """What counts for all services on it."""
        return replace(self, address=())


def has_own_ports(network: str) -> bool:
    """Say whether a service on *network* can publish ports: not on the host's, on another's, or on none."""
    return network not in {"host", "none"} and not network.startswith("service:")
