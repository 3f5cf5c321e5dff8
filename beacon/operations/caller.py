"""Who asks for an operation: handed in by the face, so that operations read no environment and no argv."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from beacon.model.machine import Scope
from beacon.systemd.user import ACTING_FOR

_SCOPES = {"--user", "--system"}


class Caller(Struct, frozen=True):
    """The process that an operation runs in, as its face saw it."""

    uid: int
    environment: Mapping[str, str]
    """For engines, credential helpers and editors of the caller; nothing else is inherited."""
    home: Path
    program: str = "beacon"
    """The command that runs Beacon, for what must be done outside of this process."""
    command: str = ""
    """What the caller typed, so that a hint can repeat it behind ``sudo``; empty if nothing was typed."""

    @property
    def is_confined(self) -> bool:
        """Whether the sandbox of the timer's unit keeps this process from all but updates."""
        return "BEACON_CONFINED" in self.environment

    @property
    def is_hook(self) -> bool:
        """Whether a hook of a rollout is asking; the rollout waits for it and holds its service's lock."""
        return "BEACON_RELEASE" in self.environment

    @property
    def acting_for(self) -> str:
        """The user whose services root asked for (``--user=NAME``); empty otherwise."""
        return self.environment.get(ACTING_FOR, "")

    def systemctl(self, scope: Scope) -> str:
        """Return how systemctl is called for the services of *scope*."""
        whose = f" --machine={self.acting_for}@" if self.acting_for else ""
        return f"systemctl --user{whose}" if scope is Scope.USER else "systemctl"

    def typed_elsewhere(self, scope: Scope) -> str | None:
        """Return what was typed in *scope* as it is typed for the other one; None if nothing was typed."""
        command = " ".join(word for word in self.command.split() if word not in _SCOPES)
        if not command:
            return None
        return f"sudo {command}" if scope is Scope.USER else f"{command}, without sudo"
