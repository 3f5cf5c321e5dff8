"""Volumes of a service that get names: which, and what its definition says then. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from msgspec.structs import replace

from beacon.definition.decode import decode
from beacon.definition.effective import volume_name
from beacon.errors import DefinitionError, UsageError
from beacon.model.service import Service


def names_for(
    volumes: Mapping[str, str], taken: Collection[str], is_there: Callable[[str], bool]
) -> dict[str, str]:
    """Return volume → the name that it gets, made of its path in *volumes* (path → volume).

    No other volume of the service has *taken* it, nor *is_there* one in the engine.
    """
    used = set(taken)
    names: dict[str, str] = {}
    for path, volume in volumes.items():
        while is_there(name := volume_name(path, used)):
            used.add(name)
        used.add(name)
        names.setdefault(volume, name)
    return names


def with_names(service: Service, names: Mapping[str, str]) -> Service:
    """Return the service with volumes of its own in the place of those external ones that have *names*."""
    volumes = tuple(
        replace(one, external=None, name=names[one.external])
        if one.external and one.external in names
        else one
        for one in service.volumes
    )
    return replace(service, volumes=volumes)


def rewritten(text: str, service: Service, names: Mapping[str, str]) -> str:
    """Return the definition *text* of *service* with the volumes' names in it, and all else as it was.

    Raises UsageError if its owner says it in a way of their own.
    """
    changed = text
    for volume, name in names.items():
        changed = re.sub(rf"\bexternal(\s*=\s*)([\"']){volume}\2", rf"name\g<1>\g<2>{name}\g<2>", changed)
    try:
        said = decode(changed, name=service.name, file=f"{service.name}.toml")
    except DefinitionError:
        said = service
    if said.volumes != with_names(service, names).volumes:
        wanted = ", ".join(f'name = "{name}" for external = "{volume}"' for volume, name in names.items())
        raise UsageError(
            f"the definition of {service.name} cannot be changed: it says external in a way of its own",
            hint=f"beacon edit {service.name}: {wanted}; then beacon apply {service.name}",
        )
    return changed
