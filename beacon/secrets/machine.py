"""The machine's secrets: each version is a file that systemd-creds(1) has encrypted.

Neither engine is needed to keep them, and services start without Beacon: docker's units have systemd decrypt
the file (LoadCredentialEncrypted=), and Podman asks systemd-creds for the value.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from beacon.engine.podman import Podman
from beacon.errors import MachineError
from beacon.model.sensitive import SecretVersion, parse_credential
from beacon.state.files import PRIVATE, explained, remove, write_atomic
from beacon.systemd.creds import decrypt, decrypting, encrypt


class MachineSecrets:
    """Secrets of the system scope; *podman* is None if another engine runs the services."""

    def __init__(self, folder: Path, podman: Podman | None) -> None:
        self._folder = folder
        self._podman = podman

    def versions(self) -> frozenset[SecretVersion]:
        """Return what there is."""
        names = explained("read", self._folder, self._names)
        found = (parse_credential(name.removesuffix(".cred")) for name in names if name.endswith(".cred"))
        return frozenset(one for one in found if one is not None)

    def _names(self) -> list[str]:
        try:
            return [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []

    def keep(self, version: SecretVersion, value: bytes) -> None:
        """Write the value of a new version; it is there whole or not at all."""
        explained("make", self._folder, lambda: self._folder.mkdir(mode=0o700, parents=True, exist_ok=True))
        write_atomic(self._path(version), encrypt(version.credential, value), mode=PRIVATE)

    def value(self, version: SecretVersion) -> bytes:
        """Return a value. Raises MachineError if it is not there, or was encrypted on another machine."""
        path = self._path(version)
        return decrypt(version.credential, explained("read", path, path.read_bytes))

    def discard(self, version: SecretVersion) -> None:
        """Remove a version that nothing runs with, and nothing can go back to."""
        if self._podman is not None:
            self._podman.remove_secret(version.in_engine)
        remove(self._path(version))

    def provide(self, wanted: Collection[SecretVersion]) -> None:
        """Have the engine know of *wanted*, of which it may have been cleaned meanwhile."""
        if self._podman is None or not wanted:
            return
        known = self._podman.secrets()
        for one in sorted(wanted):
            if one.in_engine not in known:
                self._lend(self._podman, one)

    def _lend(self, podman: Podman, version: SecretVersion) -> None:
        try:
            podman.lend_secret(version.in_engine, decrypting(version.credential, str(self._path(version))))
        except MachineError:
            # The rollout of another service that has the same secret may have been quicker.
            if version.in_engine not in podman.secrets():
                raise

    def _path(self, version: SecretVersion) -> Path:
        return self._folder / version.file
