"""Logins to registries: where the engine keeps them, also for the timer and after a reboot."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from beacon.engine.command import run
from beacon.errors import MachineError, UsageError
from beacon.model.machine import Engine


class Logins(Struct, frozen=True):
    """The logins of one user, as *engine* keeps them."""

    engine: Engine
    file: str | None
    """The file of credentials that *settings* name, or None."""
    settings: Path
    environment: Mapping[str, str]
    home: Path
    uid: int

    @property
    def is_podmans_own(self) -> bool:
        """Whether they are where Podman looks by itself, in one file or another."""
        return self.engine is Engine.PODMAN and self.file is None

    def command(self, verb: str, *arguments: str) -> list[str]:
        """Return the engine's command for *verb*, on the file that lasts; the registry is the last argument.

        Raises UsageError if docker is to use a file that is set.
        """
        if self.engine is Engine.PODMAN:
            return ["podman", verb, f"--authfile={self.file or self._lasting}", *arguments]
        if self.file is not None:
            raise UsageError(
                f"docker cannot {verb} with {self.file}, which auth_file in {self.settings} names",
                hint=f"docker --config FOLDER {verb} {arguments[-1]} writes FOLDER/config.json: "
                "name that there",
            )
        return ["docker", verb, *arguments]

    def remove(self, registry: str) -> bool:
        """Log out of a registry in all files of Podman; say whether any had a login."""
        return self._remove(registry, (self._lasting, *self._fleeting()))

    def remove_fleeting(self, registry: str) -> None:
        """Log out in the files that are gone after a reboot: Podman would use them instead of the other."""
        self._remove(registry, self._fleeting())

    @property
    def _lasting(self) -> Path:
        return self.home / ".config/containers/auth.json"

    def _fleeting(self) -> tuple[Path, ...]:
        """Return where podman login alone writes to (containers-auth.json(5))."""
        folder = self.environment.get("XDG_RUNTIME_DIR")
        session_file = [Path(folder, "containers/auth.json")] if folder else []
        return (*session_file, Path("/run/containers", str(self.uid), "auth.json"))

    def _remove(self, registry: str, files: Iterable[Path]) -> bool:
        found = False
        for file in files:
            if os.access(file, os.F_OK):
                with suppress(MachineError):  # it has none
                    run(["podman", "logout", f"--authfile={file}", registry], self.environment)
                    found = True
        return found
