"""What several checks want to know, looked up once, when the first of them asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from beacon.definition.conflicts import Precedence
from beacon.definition.decode import decode, decode_all
from beacon.definition.names import RESERVED
from beacon.doctor.collect.units import show
from beacon.doctor.judge.facts import UnitFacts
from beacon.doctor.judge.finding import Commands
from beacon.engine.command import run
from beacon.errors import AccessError, BeaconError, DefinitionError, Fault, MachineError
from beacon.model.machine import Engine, EngineVersion, Scope
from beacon.model.reference import Digest
from beacon.model.release import ServiceState
from beacon.model.service import Service
from beacon.model.unit import MARK, PREFIX, UnitFileName, engine_of, is_job, service_of_file, unit_name
from beacon.rollout.readings import running
from beacon.state.files import UnitDirectory
from beacon.state.paths import Paths
from beacon.state.store import StateStore
from beacon.systemd.user import ACTING_FOR

if TYPE_CHECKING:
    from beacon.definition.settings import Settings
    from beacon.endpoints.routing.publisher import Publisher
    from beacon.endpoints.routing.stores import Store
    from beacon.engine.docker import Docker
    from beacon.engine.podman import Podman
    from beacon.rollout.rendering import Renderer
    from beacon.rollout.tools import Tools
    from beacon.state.notifications import Queue

T = TypeVar("T")

UPDATE, TIMER = "beacon-update.service", "beacon-update.timer"
DOCKER, DOCKER_SOCKET = "docker.service", "docker.socket"
PUBLISH = "beacon-endpoints.service"
AUTO_UPDATE = "podman-auto-update.timer"
PATIENCE = 15.0
"""Seconds that a command may take that should take none."""


class Machine(Protocol):
    """The parts of the machine in one scope, as the command line makes them."""

    @property
    def scope(self) -> Scope:
        """Whose services they are."""

    @property
    def paths(self) -> Paths:
        """Where their files are."""

    @property
    def settings(self) -> Settings:
        """What beacon.toml says."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the engine."""

    @property
    def store(self) -> StateStore:
        """What is remembered."""

    @property
    def units(self) -> UnitDirectory:
        """The folders of unit files."""

    @property
    def engine_kind(self) -> Engine:
        """Which engine runs the containers."""

    @property
    def engine(self) -> Podman | Docker:
        """That engine."""

    @property
    def renderer(self) -> Renderer:
        """What turns releases into unit files."""

    @property
    def tools(self) -> Tools:
        """Everything a rollout acts on."""

    def definition_files(self) -> Mapping[str, str]:
        """Return name → text of every definition."""

    @property
    def queue(self) -> Queue:
        """The news on their way to those who are notified."""

    def publisher_of(self, store: Store) -> Publisher:
        """Return what writes to a store."""


class _Known:
    """The answer to one question: a value, or why there is none."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: object = None
        self.error: Exception | None = None
        self.is_asked = False


def once(method: Callable[[Survey], T]) -> Callable[[Survey], T]:
    """Have *method* look once for all threads that ask; why it could not is kept like an answer."""

    @wraps(method)
    def ask(survey: Survey) -> T:
        known = survey.known(method.__name__)
        with known.lock:
            if not known.is_asked:
                try:
                    known.value = method(survey)
                except Exception as error:  # noqa: BLE001  # raised to everybody who asks
                    known.error = error
                known.is_asked = True
        if known.error is not None:
            raise known.error
        return known.value  # type: ignore[return-value]  # it is what the method returned

    return ask


class Survey:
    """The machine in one scope, as the doctor sees it."""

    def __init__(self, machine: Machine, *, uid: int, user: str, home: Path) -> None:
        self.machine = machine
        self.uid = uid
        self.user = user
        self.home = home
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def known(self, question: str) -> _Known:
        """Return the place of an answer."""
        with self._lock:
            return self._known.setdefault(question, _Known())

    @property
    def is_user(self) -> bool:
        """Whether it is about an ordinary user's services."""
        return self.machine.scope is Scope.USER

    @property
    def commands(self) -> Commands:
        """What words the commands that mend."""
        scope, user = self.machine.scope, self.machine.environment.get(ACTING_FOR, "")
        try:
            return Commands(scope, self.machine.engine_kind, user)
        except MachineError:
            return Commands(scope, acting_for=user)

    def require_engine_access(self) -> None:
        """Raise AccessError where another user's containers would be shown in the place of those meant."""
        self.require_manager()
        if not self.is_user and self.uid != 0:
            raise AccessError("only root sees the machine's containers", hint="sudo beacon doctor")

    def require_manager(self) -> None:
        """Raise AccessError where the user has no runtime folder: rootless Podman does nothing without it."""
        if self.is_user and not self.machine.paths.runtime.parent.is_dir():
            raise AccessError(
                f"no service manager runs for {self.user}", hint=f"sudo loginctl enable-linger {self.user}"
            )

    @once
    def definitions(self) -> Mapping[str, str]:
        """Return name → text of every definition."""
        return self.machine.definition_files()

    @once
    def decoded(self) -> tuple[Mapping[str, Service], tuple[Fault, ...]]:
        """Return the services of the definitions that make sense, and what is wrong with the others."""
        folder = self.machine.paths.definitions
        files = {str(folder / f"{name}.toml"): text for name, text in self.definitions().items()}
        try:
            return {service.name: service for service in decode_all(files, precedence=self._standing())}, ()
        except DefinitionError as error:
            faults = error.faults
        services = {}
        for name, text in self.definitions().items():
            try:
                services[name] = decode(text, name=name, file=name)
            except DefinitionError:
                continue
        return services, faults

    def _standing(self) -> Precedence:
        """Return what decides conflicts, as far as it can be seen."""
        try:
            lives = {name: live for name, one in self.states().items() if (live := one.live_release)}
            installed = {service for file in self.installed() if (service := service_of_file(file))}
        except BeaconError:
            return Precedence()
        return Precedence(running(lives), frozenset(), self.remembered() | installed)

    @once
    def remembered(self) -> frozenset[str]:
        """Return the services that have a state; their names can be seen where what they say cannot."""
        folder = self.machine.paths.state / "services"
        if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
            raise AccessError(f"cannot read {folder}: permission denied", hint="sudo beacon doctor")
        return frozenset(self.machine.store.names())

    @once
    def states(self) -> Mapping[str, ServiceState]:
        """Return what is remembered of every service."""
        try:
            return {name: self.machine.store.load(name) for name in sorted(self.remembered())}
        except AccessError as error:
            raise AccessError(error.message, hint="sudo beacon doctor") from error

    @once
    def names(self) -> frozenset[str]:
        """Return the services that are defined or remembered."""
        return self.remembered() | self.definitions().keys()

    @once
    def installed(self) -> Mapping[str, str]:
        """Return name → text of the files that could be Beacon's, less the units of Beacon itself."""
        texts = self.machine.units.read_all()
        return {name: text for name, text in texts.items() if not is_own(name)}

    @once
    def units(self) -> Mapping[str, UnitFacts]:
        """Return the units of the services, and those that Beacon has to do with."""
        self.require_manager()
        units = [UPDATE, TIMER, PUBLISH, AUTO_UPDATE, DOCKER, DOCKER_SOCKET]
        units += [unit_name(name) for name in sorted(self.names())]
        units += sorted(filter(is_job, self.installed()))
        return show(units, self.machine.scope, self.machine.environment)

    @once
    def kind(self) -> Engine:
        """Return the engine that runs this machine's containers."""
        return self.machine.engine_kind

    @once
    def version(self) -> EngineVersion:
        """Return the engine's version."""
        self.require_manager()
        return self.machine.engine.version()

    @once
    def engines(self) -> Mapping[str, Engine]:
        """Return service → the engine that its installed unit needs."""
        return {
            service: engine_of(text)
            for name, text in self.installed().items()
            if (service := service_of_file(name)) is not None and text.startswith(MARK)
        }

    @once
    def images(self) -> Mapping[str, Digest]:
        """Return name → id of all images on disk."""
        self.require_engine_access()
        return self.machine.engine.images()

    def run(self, *argv: str) -> str:
        """Return what a command says; MachineError where it fails."""
        return run(argv, self.machine.environment, timeout=PATIENCE)


def is_own(name: str) -> bool:
    """Say whether a file, or the unit made of it, is one of Beacon itself and of no service."""
    parsed = UnitFileName.parse(name)
    if parsed is None or is_job(name):
        return False
    stem = parsed.stem.removeprefix(PREFIX)
    return stem in RESERVED or "@" in stem or "." in stem  # which no service's name has
