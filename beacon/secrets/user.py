"""A user's secrets: in Podman's own store, since systemd decrypts no credentials for a user's containers.

systemd-creds knows users from version 256 on, and Podman cannot read what it gives them (systemd#36895).
"""

from __future__ import annotations

from collections.abc import Collection

from beacon.engine.podman import Podman
from beacon.model.sensitive import SecretVersion, parse_credential
from beacon.model.unit import PREFIX


class UserSecrets:
    """Secrets of the user scope."""

    def __init__(self, podman: Podman) -> None:
        self._podman = podman

    def versions(self) -> frozenset[SecretVersion]:
        """Return what there is."""
        names = (name for name in self._podman.secrets() if name.startswith(PREFIX))
        found = (parse_credential(name.removeprefix(PREFIX)) for name in names)
        return frozenset(one for one in found if one is not None)

    def keep(self, version: SecretVersion, value: bytes) -> None:
        """Give Podman the value of a new version."""
        self._podman.make_secret(version.in_engine, value)

    def value(self, version: SecretVersion) -> bytes:
        """Return a value. Raises MachineError if Podman, which must be 4.7 or newer, does not tell it."""
        return self._podman.secret_value(version.in_engine)

    def discard(self, version: SecretVersion) -> None:
        """Remove a version that nothing runs with, and nothing can go back to."""
        self._podman.remove_secret(version.in_engine)

    def provide(self, wanted: Collection[SecretVersion]) -> None:
        """Do nothing: the engine has them, or they are lost."""
        del wanted
