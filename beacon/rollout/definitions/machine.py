"""As much of a machine as it takes to say what it can run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from beacon.definition.settings import Settings
from beacon.model.machine import Scope
from beacon.rollout.ports import StateStore


class Caller(Protocol):
    """Who asks."""

    @property
    def uid(self) -> int:
        """The user, whose services they are unless they are the machine's."""


class Units(Protocol):
    """The folders of unit files."""

    def read_all(self) -> Mapping[str, str]:
        """Return name → text of all of them."""


class Engine(Protocol):
    """The container engine."""

    def volumes(self) -> Mapping[str, str]:
        """Return Beacon's volumes, each with the service that it belongs to."""

    def remove_volume(self, name: str) -> None:
        """Delete a volume with its data."""


class Machine(Protocol):
    """The machine in one scope."""

    @property
    def scope(self) -> Scope:
        """Whose services they are."""

    @property
    def caller(self) -> Caller:
        """Who asks."""

    @property
    def settings(self) -> Settings:
        """What beacon.toml says."""

    @property
    def store(self) -> StateStore:
        """What is remembered."""

    @property
    def units(self) -> Units:
        """The folders of unit files."""

    @property
    def engine(self) -> Engine:
        """What runs the containers."""

    def definition_path(self, name: str) -> Path:
        """Return where the definition of a service is."""

    def definition_files(self) -> Mapping[str, str]:
        """Return name → text of every definition that can be read."""
