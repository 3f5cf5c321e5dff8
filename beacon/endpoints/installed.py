"""What has been applied and what of it runs, for those who announce where it is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from beacon.endpoints.routing.applied import applied
from beacon.endpoints.routing.routes import RunningService
from beacon.errors import DefinitionError
from beacon.model.endpoints.sources import VARIABLE
from beacon.model.notice import Notice
from beacon.model.release import Release, ServiceState
from beacon.model.runtime import Container, UnitState
from beacon.model.service import Service
from beacon.model.unit import unit_name


class States(Protocol):
    """What is remembered of the services."""

    def stamps(self) -> Mapping[str, object]:
        """Return for each service a value that changes whenever its state does."""

    def load(self, name: str) -> ServiceState:
        """Return the state of one service."""

    def load_all(self) -> Mapping[str, ServiceState]:
        """Return the state of every service."""


class Units(Protocol):
    """The service manager."""

    def states(self, units: Iterable[str]) -> Mapping[str, UnitState]:
        """Return the state of each unit."""


class Engine(Protocol):
    """The container engine."""

    def containers(self) -> Mapping[str, Container]:
        """Return Beacon's running containers by service."""


class Machine(Protocol):
    """The machine in one scope, as far as its services are read."""

    @property
    def store(self) -> States:
        """What is remembered of the services."""

    @property
    def systemd(self) -> Units:
        """What runs the services."""

    @property
    def engine(self) -> Engine:
        """What runs the containers."""


def running_services(machine: Machine) -> tuple[dict[str, RunningService], tuple[Notice, ...]]:
    """Return each service that has been applied, with what systemd and the engine say of it now.

    One whose endpoints cannot be read is warned of, and keeps the others from nothing.
    """
    found, warnings = installed(machine.store)
    units = machine.systemd.states([unit_name(name) for name in found])
    containers = machine.engine.containers() if units else {}
    seen = {
        name: replace(one, unit=units[unit_name(name)], container=containers.get(name))
        for name, one in found.items()
    }
    return seen, warnings


class InstalledServices:
    """The services that have been applied, read again and again; files are read when they are new.

    *units* returns the ActiveState of the units that systemd knows, *containers* what the engine runs.
    """

    def __init__(
        self,
        states: States,
        units: Callable[[], Mapping[str, str]],
        containers: Callable[[], Mapping[str, Container]],
    ) -> None:
        self._states = states
        self._units = units
        self._containers = containers
        self._known: dict[str, tuple[object, _Applied | None, tuple[str, ...]]] = {}
        """Service → the stamp of its state's file, what that says, and what is wrong with it."""
        self._last: dict[str, RunningService] = {}
        self._asked = False

    def read(self) -> dict[str, RunningService]:
        """Return what runs, as it was applied; what cannot be read keeps the others from nothing."""
        self._read()
        applied = {name: one for name, (_, one, _) in self._known.items() if one is not None}
        units = self._units() if applied else {}
        self._asked = any(one.asks_engine for one in applied.values())
        containers = self._containers() if self._asked else {}
        found = {}
        for name, one in applied.items():
            unit = unit_name(name)
            state = UnitState(unit, active=units.get(unit, "inactive"))
            found[name] = replace(one.running, unit=state, container=containers.get(name))
        self._last = found
        return found

    def read_stopped(self) -> dict[str, RunningService] | None:
        """Return what was read last with the units that went down since; None if that asks no engine."""
        if not self._asked:
            return None
        units = self._units()
        found = {}
        for name, one in self._last.items():
            state = UnitState(one.unit.name, active=units.get(one.unit.name, "inactive"))
            found[name] = one if state.is_up else replace(one, unit=state)
        return found

    @property
    def problems(self) -> tuple[str, ...]:
        """Why services have no endpoints, as of the last reading."""
        return tuple(problem for _, _, problems in self._known.values() for problem in problems)

    def _read(self) -> None:
        stamps = self._states.stamps()
        self._known = {name: one for name, one in self._known.items() if name in stamps}
        for name, stamp in stamps.items():
            if name not in self._known or self._known[name][0] != stamp:
                self._known[name] = (stamp, *self._load(name))

    def _load(self, name: str) -> tuple[_Applied | None, tuple[str, ...]]:
        state = self._states.load(name)
        if state.live_release is None:
            return None, ()
        try:
            return _applied(state, state.live_release), ()
        except DefinitionError as error:
            return None, _without(name, error)


class _Applied(Struct, frozen=True):
    """A service as it was applied."""

    running: RunningService
    checked: bool

    @property
    def asks_engine(self) -> bool:
        """Whether something is announced that only the engine knows, which costs more than all the rest."""
        service = self.running.service
        return bool(service.endpoints) and (
            self.checked
            or any(port.host_port is None for port in service.ports)
            or any(network.startswith("service:") for network in service.networks)
        )


def installed(states: States) -> tuple[dict[str, RunningService], tuple[Notice, ...]]:
    """Return each service that has been applied, as it was applied, whether it runs or not.

    One whose endpoints cannot be read is warned of, and keeps the others from nothing.
    """
    found: dict[str, RunningService] = {}
    warnings: list[Notice] = []
    for name, state in states.load_all().items():
        if state.live_release is None:
            continue
        try:
            found[name] = applied(state, state.live_release)
        except DefinitionError as error:
            warnings += map(Notice, _without(name, error))
    return found, tuple(warnings)


def _without(name: str, error: DefinitionError) -> tuple[str, ...]:
    return tuple(f"{name} has no endpoints: {fault}" for fault in error.faults)


def _applied(state: ServiceState, release: Release) -> _Applied:
    found = applied(state, release)
    whole = found.service
    # What is kept between two readings: with many services the rest would be most of a process that stays.
    kept = Service(
        whole.name,
        whole.image,
        env={key: value for key, value in whole.env.items() if key == VARIABLE},
        compat=whole.compat,
        ports=whole.ports,
        endpoints=whole.endpoints,
        networks=whole.networks,
    )
    checked = whole.health.command is not None or any(
        "health" in one for one in (*whole.podman.args, *whole.docker.args)
    )
    return _Applied(replace(found, service=kept), checked)
