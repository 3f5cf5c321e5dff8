"""The other scope: the machine's services for who asks for their own, and theirs for who asks as root."""

from __future__ import annotations

import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path

from beacon.model.machine import Scope
from beacon.model.unit import service_of_file
from beacon.state.paths import Paths


def services_elsewhere(scope: Scope, environment: Mapping[str, str]) -> frozenset[str]:
    """Return the services of the other scope, as far as whoever has *environment* may see them."""
    if scope is Scope.USER:
        return frozenset(services_in(Paths.of(Scope.SYSTEM, {}, Path("/"), 0)))
    user = before_sudo(environment)
    if user is None:
        return frozenset()
    return frozenset(services_in(Paths.of(Scope.USER, {}, Path(user.pw_dir), user.pw_uid)))


def before_sudo(environment: Mapping[str, str]) -> pwd.struct_passwd | None:
    """Return the user who became root by sudo(8), if that is so."""
    try:
        return pwd.getpwuid(int(environment.get("SUDO_UID", "")))
    except (ValueError, KeyError):
        return None


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
