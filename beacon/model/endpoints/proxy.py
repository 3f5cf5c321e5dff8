"""What is remembered of the managed proxy."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

CADDY_FILE = "/etc/caddy/beacon.caddy"
"""What Caddy is given of the endpoints, if it is Beacon's to manage."""


class ProxyRecord(Struct, frozen=True):
    """What became of the last file: kept, so that only what is new is checked and loaded."""

    desired: str = field(default="", name="wanted")
    """SHA-256 of the whole file that was desired; empty where that is still to be settled."""
    loaded: str = ""
    """SHA-256 of the file that Caddy has loaded."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Address of a site → why Caddy does not take it."""
    missed: bool = False
    """Whether a run gave up: what it has changed may not be in the file that another is about to settle."""

    def pending(self, *, missed: bool = False) -> ProxyRecord:
        """Return the record of a machine whose proxy is still to be updated."""
        return ProxyRecord("", self.loaded, self.refused, missed)
