"""The stores of beacon.toml, and what they are to say."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from beacon.endpoints.routes import Running, routes
from beacon.endpoints.stores import Store, Told, stores, tell
from beacon.errors import ConfigError
from beacon.model.host import Scope
from beacon.operations.machine import Machine
from beacon.state.files import read_text


def configured(machine: Machine) -> tuple[Store, ...]:
    """Return the stores that are published to; ConfigError if there are none."""
    if not machine.settings.publish:
        raise ConfigError(
            f"there is nothing to publish to: {machine.paths.settings} has no table such as [publish.redis]",
            hint="beacon.toml(5) has them all; an empty [publish.redis] is the Redis of this machine",
        )
    return stores(machine.settings.publish)


def told(machine: Machine, chosen: Sequence[Store], running: Mapping[str, Running]) -> Told:
    """Return what the stores are to say of the services *running*."""
    return tell(chosen, running, routes(running), _whose(machine.scope), _template)


def _whose(scope: Scope) -> str:
    """Return whose services these are: the machine's, or those of a user on it."""
    return platform.node() if scope is Scope.SYSTEM else f"{getpass.getuser()}@{platform.node()}"


def _template(path: str) -> str:
    text = read_text(Path(path))
    if text is None:
        raise ConfigError(
            f"there is no template {path}", hint="publish.file.template in beacon.toml names it"
        )
    return text
