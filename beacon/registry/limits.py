"""Registries that ask for patience, as it is kept from one run to the next."""

from __future__ import annotations

from typing import Protocol


class Limits(Protocol):
    """What registries have asked for."""

    def left(self, registry: str) -> float:
        """Return for how many seconds *registry* still wants to be left alone."""

    def note(self, registry: str, seconds: float) -> None:
        """Remember that it wants to be left alone for *seconds* from now on; never raises."""


class NoLimits:
    """Remembers nothing."""

    def left(self, registry: str) -> float:
        """Return 0."""
        del registry
        return 0.0

    def note(self, registry: str, seconds: float) -> None:
        """Do nothing."""
