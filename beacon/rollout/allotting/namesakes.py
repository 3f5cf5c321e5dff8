"""Volumes that two services would share by name: ``db-data`` of web, and ``data`` of web-db."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from beacon.definition.effective import in_effect
from beacon.errors import DefinitionError, Fault
from beacon.model.release import Release, ServiceState
from beacon.model.unit import SERVICE_LABEL
from beacon.rollout.tools import Tools
from beacon.units.mounts import volume_name


def shared_volumes(
    tools: Tools, state: ServiceState, release: Release, beside: Iterable[Release] = ()
) -> list[Fault]:
    """Return what is wrong with volumes that are new to a service, and are another's already.

    That is another that was applied, one of the releases *beside*, or one whose data is still there. What a
    service has already stays its own: its data is in it. Definitions are judged before this, by themselves;
    here are the VOLUMEs of images.
    """
    live = state.live_release
    known = _volumes(live) if live is not None else {}
    new = {name: place for name, place in _volumes(release).items() if name not in known}
    if not new:
        return []
    taken: dict[str, str] = {}
    for other in (*_near(tools, state.name), *beside):
        owner = other.service.name
        if owner != state.name:
            taken |= {name: f"{owner}'s, for {path}" for name, (_, path) in _volumes(other).items()}
    faults = []
    for name, (key, path) in new.items():
        whose = taken.get(name) or _left_behind(tools, name, state.name)
        if whose is not None:
            problem = f"must give {path} a volume of another name: {name} is {whose}"
            faults.append(Fault(f"{state.name}.toml", key, problem))
    return faults


def refuse_shared_volumes(tools: Tools, state: ServiceState, release: Release) -> None:
    """Raise DefinitionError with what :func:`shared_volumes` finds."""
    faults = shared_volumes(tools, state, release)
    if faults:
        raise DefinitionError(faults)


def _volumes(release: Release) -> dict[str, tuple[str, str]]:
    """Return the volumes of a release by their names in the engine, each with its key and path."""
    own = len(release.service.volumes)
    return {
        volume_name(release.service.name, one.name): (
            f"volume[{index}].name" if index < own else "volume",
            one.path,
        )
        for index, one in enumerate(in_effect(release).volumes)
        if one.name is not None
    }


def _near(tools: Tools, name: str) -> Iterator[Release]:
    """Yield the live releases of the services whose volumes can have the same names: most can not."""
    for other in tools.store.names():
        if other.startswith(f"{name}-") or name.startswith(f"{other}-"):
            live = tools.store.load(other).live_release
            if live is not None:
                yield live


def _left_behind(tools: Tools, volume: str, name: str) -> str | None:
    """Return whose volume the engine has under that name, if it is another service's that is gone."""
    there = tools.engine.volume(volume)
    owner = None if there is None else there.labels.get(SERVICE_LABEL)
    return None if owner in {None, name} else f"what is left of {owner}'s data"
