"""The other scope: the machine's services for who asks for their own, and theirs for who asks as root."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from beacon.model.host import Scope
from beacon.model.unit import service_of_file
from beacon.state.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beacon.operations.caller import Caller

_SCOPES = {"--user", "--system"}


def services_elsewhere(scope: Scope, caller: Caller) -> frozenset[str]:
    """Return the services of the other scope, as far as *caller* may see them."""
    paths = Paths.of(Scope.SYSTEM, {}, Path("/"), 0) if scope is Scope.USER else _before_sudo(caller)
    return frozenset() if paths is None else frozenset(services_in(paths))


def command_elsewhere(scope: Scope, caller: Caller) -> str | None:
    """Return what *caller* typed as it is typed for the other scope; None if nothing was typed."""
    command = " ".join(word for word in caller.command.split() if word not in _SCOPES)
    if not command:
        return None
    return f"sudo {command}" if scope is Scope.USER else f"{command}, without sudo"


def _before_sudo(caller: Caller) -> Paths | None:
    """Return the paths of the user who became root by sudo(8), if that is so."""
    try:
        user = pwd.getpwuid(int(caller.environment.get("SUDO_UID", "")))
    except (ValueError, KeyError):
        return None
    return Paths.of(Scope.USER, {}, Path(user.pw_dir), user.pw_uid)


def services_in(paths: Paths) -> Iterator[str]:
    """Yield the services that are defined, or that have unit files, which everybody may see."""
    for folder in (paths.definitions, paths.quadlet, paths.units):
        try:
            found = [path.name for path in folder.iterdir()]
        except OSError:
            continue
        for file in found:
            name = file.removesuffix(".toml") if folder == paths.definitions else service_of_file(file)
            if name and not name.startswith("."):
                yield name
