"""Secrets in memory."""

from __future__ import annotations

from collections.abc import Collection

from beacon.errors import MachineError
from beacon.model.sensitive import SecretVersion


class FakeSecrets:
    """What Beacon keeps, and what its engine was told of."""

    def __init__(self) -> None:
        self.values: dict[SecretVersion, bytes] = {}
        self.provided: set[SecretVersion] = set()

    def versions(self) -> frozenset[SecretVersion]:
        return frozenset(self.values)

    def keep(self, version: SecretVersion, value: bytes) -> None:
        self.values[version] = value

    def value(self, version: SecretVersion) -> bytes:
        if version not in self.values:
            raise MachineError(f"there is no {version.credential}")
        return self.values[version]

    def discard(self, version: SecretVersion) -> None:
        del self.values[version]

    def provide(self, wanted: Collection[SecretVersion]) -> None:
        self.provided.update(wanted)
