"""What it takes to move a service from one engine to another: its images, networks and volumes.

Each engine keeps these for itself. Nothing is taken from the one that a service leaves but the image, which
the registry has: the data stays, so that the way back stays open until the owner closes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from beacon.errors import BeaconError, HostError
from beacon.model.host import Engine
from beacon.model.release import Release, ServiceState
from beacon.model.unit import SERVICE_LABEL, engine_of, service_files
from beacon.rollout.candidates import in_effect
from beacon.rollout.images import forget
from beacon.rollout.world import World
from beacon.units.container import network_name, own_networks
from beacon.units.mark import read_mark
from beacon.units.mounts import volume_name


def installed_engine(world: World, name: str) -> Engine | None:
    """Return the engine that the installed unit of a service runs; None where it has none of Beacon's."""
    for file in service_files(name):
        text = world.files.read(file)
        if text is not None and read_mark(text) is not None:
            return engine_of(text)
    return None


def volumes(release: Release) -> tuple[str, ...]:
    """Return what engines call the named volumes of a release."""
    service = release.service.name
    return tuple(volume_name(service, volume) for volume in _volumes(release))


def require_room(world: World, release: Release) -> None:
    """Raise HostError where a volume of the same name is there already: nobody's data is overwritten."""
    for name in volumes(release):
        if world.engine.volume_folder(name) is not None:
            engine = world.engine_kind()
            raise HostError(
                f"{release.service.name} is left alone: {engine} has a volume {name} already",
                hint=f"if its data is not needed: {engine} volume rm {name}, then apply again",
            )


def copy(world: World, former: World, release: Release, begun: Iterable[str]) -> None:
    """Give a stopped service what it needs in the engine of *world*; what was *begun* is copied anew."""
    service = release.service.name
    drop(world, begun)
    for volume in _volumes(release):
        name = volume_name(service, volume)
        labels = {SERVICE_LABEL: service, "io.beacon.volume": volume}
        world.engine.make_volume(name, labels, former.engine.volume_folder(name))
    for network in own_networks(in_effect(release)):
        # Its unit is up, since it is called the same with either engine, and would not make it now.
        world.engine.make_network(network_name(network), {"io.beacon.network": network})


def drop(world: World, copied: Iterable[str]) -> None:
    """Delete copies; the data is where it was."""
    for name in copied:
        if world.engine.volume_folder(name) is not None:
            with contextlib.suppress(BeaconError):  # the next attempt says what hinders
                world.engine.remove_volume(name)


def leave(former: World, state: ServiceState) -> None:
    """Take from the engine that a service has left what is needed no more: images and networks."""
    forget(former, state)
    live = state.live_release
    for network in own_networks(live.service) if live is not None else ():
        with contextlib.suppress(BeaconError):  # a service that is still there is on it
            former.engine.remove_network(network_name(network))


def _volumes(release: Release) -> tuple[str, ...]:
    named = {volume.name for volume in in_effect(release).volumes if volume.name is not None}
    return tuple(sorted(named))
