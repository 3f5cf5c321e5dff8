"""The stores of beacon.toml: what they are to say, and what writes to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from beacon.cli.host import Host
    from beacon.definition.publishing import Publication
    from beacon.endpoints.routes import Running
    from beacon.endpoints.stores import Store, Told
    from beacon.model.host import Scope


def configured(host: Host) -> tuple[Publication, ...]:
    """Return what is published; ConfigError where that is nothing."""
    from beacon.errors import ConfigError

    if not host.settings.publish:
        raise ConfigError(
            f"there is nothing to publish to: {host.paths.settings} has no table such as [publish.redis]",
            hint="beacon.toml(5) has them all; an empty [publish.redis] is the Redis of this machine",
        )
    return host.settings.publish


def told(host: Host, stores: Sequence[Store], running: Mapping[str, Running]) -> Told:
    """Return what the stores are to say of the services *running*."""
    from beacon.endpoints.routes import routes
    from beacon.endpoints.stores import tell

    return tell(stores, running, routes(running), machine(host.scope), _template)


def machine(scope: Scope) -> str:
    """Return whose services these are: the machine's, or those of a user on it."""
    import getpass
    import platform

    from beacon.model.host import Scope

    return platform.node() if scope is Scope.SYSTEM else f"{getpass.getuser()}@{platform.node()}"


def _template(path: str) -> str:
    from pathlib import Path

    from beacon.errors import ConfigError
    from beacon.state.files import read_text

    text = read_text(Path(path))
    if text is None:
        raise ConfigError(
            f"there is no template {path}", hint="publish.file.template in beacon.toml names it"
        )
    return text
