"""What a machine publishes: the stores of its beacon.toml, and what they are to say."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from beacon.definition.settings import Settings
from beacon.endpoints.installed import Engine, States
from beacon.endpoints.routing.forms import Formats
from beacon.endpoints.routing.publisher import Publisher
from beacon.endpoints.routing.routes import RunningService, routes
from beacon.endpoints.routing.stores import Contents, Store, contents_of, stores
from beacon.endpoints.stores.thread import LockedRecord
from beacon.errors import ConfigError
from beacon.model.endpoints.written import Written
from beacon.model.machine import Scope


class Folders(Protocol):
    """Where things are."""

    @property
    def settings(self) -> Path:
        """The machine's beacon.toml."""


class Remembered(States, Protocol):
    """What is remembered of the services, and of what was published of them."""

    def stamp(self) -> object:
        """Return a value that changes with the state of any service."""

    def published(self) -> Sequence[Written]:
        """Return what this machine wrote to stores, one of each."""

    def record(self, store: str) -> LockedRecord:
        """Return the record of what this machine wrote to a store."""


class Units(Protocol):
    """The service manager."""

    def active(self, pattern: str) -> Mapping[str, str]:
        """Return the ActiveState of the loaded units that match *pattern*."""


class Machine(Protocol):
    """The machine whose endpoints are published, in one scope."""

    @property
    def scope(self) -> Scope:
        """Whose services they are."""

    @property
    def paths(self) -> Folders:
        """Where their files are."""

    @property
    def settings(self) -> Settings:
        """What beacon.toml says."""

    @property
    def store(self) -> Remembered:
        """What is remembered."""

    @property
    def systemd(self) -> Units:
        """What runs the services."""

    @property
    def engine(self) -> Engine:
        """What runs the containers."""

    @property
    def formats(self) -> Formats:
        """What fills in templates, and writes YAML."""

    def publisher_of(self, store: Store) -> Publisher:
        """Return what writes to a store."""

    def require_write(self, verb: str) -> None:
        """Raise AccessError where this user may not change what *verb* changes."""


def configured(machine: Machine) -> tuple[Store, ...]:
    """Return the stores that are published to; ConfigError if there are none."""
    if not machine.settings.publish:
        raise ConfigError(
            f"there is nothing to publish to: {machine.paths.settings} has no table such as [publish.redis]",
            hint="beacon.toml(5) has them all; an empty [publish.redis] is the Redis of this machine",
        )
    return stores(machine.settings.publish)


def contents(machine: Machine, chosen: Sequence[Store], running: Mapping[str, RunningService]) -> Contents:
    """Return what the stores are to say of the services *running*."""
    return contents_of(chosen, running, routes(running), _whose(machine.scope), machine.formats)


def _whose(scope: Scope) -> str:
    """Return whose services these are: the machine's, or those of a user on it."""
    return platform.node() if scope is Scope.SYSTEM else f"{getpass.getuser()}@{platform.node()}"
