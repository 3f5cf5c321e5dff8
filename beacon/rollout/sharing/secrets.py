"""What a rollout needs of the secrets that Beacon keeps; the real ones are in beacon.secrets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from beacon.errors import MachineError
from beacon.model.sensitive import SecretVersion


class Secrets(Protocol):
    """The secrets that Beacon keeps."""

    def versions(self) -> frozenset[SecretVersion]:
        """Return what there is."""

    def keep(self, version: SecretVersion, value: bytes) -> None:
        """Keep the value of a new version."""

    def value(self, version: SecretVersion) -> bytes:
        """Return a value."""

    def discard(self, version: SecretVersion) -> None:
        """Remove a version."""

    def provide(self, wanted: Collection[SecretVersion]) -> None:
        """Have the engine know of *wanted*."""


class NoSecrets:
    """Stands for a machine on which Beacon keeps no secrets."""

    def versions(self) -> frozenset[SecretVersion]:
        """Return nothing."""
        return frozenset()

    def keep(self, version: SecretVersion, value: bytes) -> None:
        """Refuse."""
        del value
        raise MachineError(f"cannot keep {version.name}: this machine keeps no secrets")

    def value(self, version: SecretVersion) -> bytes:
        """Refuse."""
        raise MachineError(f"this machine keeps no secret {version.name}")

    def discard(self, version: SecretVersion) -> None:
        """Do nothing."""

    def provide(self, wanted: Collection[SecretVersion]) -> None:
        """Do nothing."""
