"""What beacon.toml says of the machine: few keys, each with a default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from beacon.model.machine import Engine, PortRange
from beacon.model.service import Apply

if TYPE_CHECKING:
    from beacon.model.endpoints.publication import Publication
    from beacon.model.notifying.target import Target


class Settings(Struct, frozen=True):
    """What beacon.toml says."""

    engine: Engine | None = None
    """What runs the containers; None leaves it to the machine (Podman where there is one)."""
    auth_file: str | None = None
    """The registry credentials to use instead of those of ``podman login`` (containers-auth.json(5))."""
    registry_deadline: float = 30.0
    """Seconds that one registry may take in one check."""
    registry_reserve: int = 5
    """Pulls of a registry's rate limit that Beacon leaves to others."""
    update_apply: Apply = Apply.AUTO
    """Whether owners are asked before an update, of services whose definitions do not say."""
    publish: tuple[Publication, ...] = ()
    """Where endpoints are published, and how."""
    notify: tuple[Target, ...] = ()
    """Who is notified of what happens."""
    ports: PortRange = field(default_factory=PortRange)
    """The ports of the loopback that services with endpoints are given."""
    base_domain: str | None = None
    """What the names are below that Beacon chooses; None leaves it to the machine's own name."""


def is_blank(text: str) -> bool:
    """Say whether a TOML text sets nothing, as the file does that is installed: it need not be parsed."""
    return all(line.strip() == "" or line.lstrip().startswith("#") for line in text.splitlines())
