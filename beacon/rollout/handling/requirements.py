"""Checks whether the machine has what a candidate needs to start, while the live release still runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from msgspec.structs import replace

from beacon.definition.effective import in_effect
from beacon.errors import BeaconError, MachineError
from beacon.model.machine import Engine
from beacon.model.notice import Notice
from beacon.model.release import Release
from beacon.model.runtime import UnitState
from beacon.model.sensitive import SecretVersion, named
from beacon.model.service import Service
from beacon.model.unit import unit_name
from beacon.rollout.decisions.requirements import Stock, lacking, mounts_above, paths_of, published
from beacon.rollout.handling.networks import make_lost_networks
from beacon.rollout.tools import Tools


def require_startable(tools: Tools, candidate: Release, live: Release | None, unit: UnitState) -> None:
    """Raise MachineError with all that *candidate* lacks to start. Ports that *live* has are not taken.

    Its networks are made where the engine has lost them.
    """
    name = candidate.service.name
    lacks = lacks_to_start(tools, candidate, live, unit)
    if lacks:
        raise MachineError(
            f"{name} is left alone, for it could not start: {'; '.join(one.text for one in lacks)}",
            hint="; ".join(one.fix for one in lacks if one.fix),
        )
    make_lost_networks(tools, in_effect(candidate))
    tools.secrets.provide(named(candidate.secrets))


def lacks_to_start(
    tools: Tools,
    candidate: Release,
    live: Release | None,
    unit: UnitState,
    stock: MachineStock | None = None,
) -> tuple[Notice, ...]:
    """Return what *candidate* lacks to start, with what mends it. Ports that *live* has are not taken."""
    service = in_effect(candidate)
    return lacking(
        service,
        _stock_for(tools, service, candidate.secrets, stock or MachineStock(tools)),
        _own(tools, service, live, unit),
    )


def _own(tools: Tools, service: Service, live: Release | None, unit: UnitState) -> set[tuple[int, str]]:
    """Return the ports that are free once the service's own container is gone."""
    if live is not None:
        return set() if unit.is_stopped else set(_ports(in_effect(live)))
    # Its state may be lost, or purged with the package, while it runs on.
    container = tools.engine.containers().get(service.name) if unit.is_up and _ports(service) else None
    held = container.ports.items() if container is not None else ()
    return {(port, inside.partition("/")[2]) for inside, (_, port) in held}


class MachineStock:
    """What of the machine is the same for all services, looked up once if it is asked for."""

    def __init__(self, tools: Tools, *, with_room: bool = True) -> None:
        self._tools = tools
        self._with_room = with_room

    @cached_property
    def room(self) -> dict[str, int]:
        """The bytes that may still be written, by folder."""
        return dict(self._tools.surroundings.room()) if self._with_room else {}

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The engine's secrets; docker has none."""
        is_podman = self._tools.engine_kind() is Engine.PODMAN
        return frozenset(self._tools.engine.secrets()) if is_podman else frozenset()

    @cached_property
    def kept_secrets(self) -> frozenset[SecretVersion]:
        """Those that Beacon keeps."""
        return self._tools.secrets.versions()

    @cached_property
    def taken(self) -> frozenset[tuple[str, int, str]]:
        """Where somebody listens."""
        return self._tools.surroundings.listeners()

    @cached_property
    def to_mount(self) -> frozenset[str]:
        """The mount units that are down: systemd mounts first what a unit needs."""
        return frozenset(n for n, unit in self._tools.systemd.listed("*.mount").items() if not unit.is_up)


def lacking_notices(tools: Tools, releases: Iterable[Release]) -> Iterator[Notice]:
    """Yield what *releases* of services, each of which is to be started, lack for that."""
    stock = MachineStock(tools)
    for release in releases:
        name = release.service.name
        try:
            live = tools.store.load(name).live_release
            lacks = lacks_to_start(tools, release, live, tools.unit(unit_name(name)), stock)
        except BeaconError:
            continue  # the rollout says so
        for one in lacks:
            yield Notice(f"{name} could not start: {one.text}", one.fix)


def _ports(service: Service) -> list[tuple[int, str]]:
    return [(number, str(port.protocol)) for port, number in published(service)]


def _stock_for(tools: Tools, service: Service, versions: Mapping[str, int], machine: MachineStock) -> Stock:
    stock = Stock(room=machine.room)
    if service.secrets:
        there = {one.name for one in named(versions) if one in machine.kept_secrets}
        stock = replace(stock, secrets=there | (machine.secrets - versions.keys()))
    raw = (*service.podman.service, *service.docker.service)
    is_made = bool(raw) or tools.files.is_customised(service.name)  # by the owner's own directives, maybe
    absent = frozenset() if is_made else tools.surroundings.absent(paths_of(service))
    absent = frozenset(path for path in absent if machine.to_mount.isdisjoint(mounts_above(path)))
    return replace(stock, absent=absent, taken=machine.taken if _ports(service) else frozenset())
