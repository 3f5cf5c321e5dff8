"""The composition root: the real parts of this machine, each made when it is first needed."""

from __future__ import annotations

import copy
import platform
import re
import shutil
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from beacon.errors import AccessError, BusyError, DefinitionError, Fault, HostError, NoSuchServiceError
from beacon.model.host import Engine, EngineVersion, HostFacts, Scope
from beacon.model.image import Platform
from beacon.model.notice import Notice
from beacon.model.release import Trigger
from beacon.model.unit import MARK, PREFIX, engine_of, service_of_file, unit_name
from beacon.operations.listener import Note, tell
from beacon.state.files import UnitDirectory, is_private, read_text, sweep, why_unreadable
from beacon.state.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from beacon.definition.settings import Settings
    from beacon.endpoints.caddy import Caddy
    from beacon.endpoints.managed import ManagedProxy
    from beacon.endpoints.publisher import Publisher
    from beacon.endpoints.stores import Store
    from beacon.endpoints.traffic import CaddyTraffic
    from beacon.engine.docker import Docker
    from beacon.engine.podman import Podman
    from beacon.engine.probe import NetworkProbe
    from beacon.model.outcome import Outcome
    from beacon.model.release import Release
    from beacon.model.service import Service
    from beacon.operations.caller import Caller
    from beacon.operations.listener import Listener
    from beacon.registry import RegistryClient
    from beacon.rollout.candidates import Renderer
    from beacon.rollout.loopback import Loopback
    from beacon.rollout.naming import Naming
    from beacon.rollout.world import World
    from beacon.state.store import StateStore
    from beacon.systemd.manager import SystemdManager

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "armv5tel": ("arm", "v5"),
    "i686": ("386", ""),
    "i386": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
    "loongarch64": ("loong64", ""),
}
"""Names of the kernel to GOARCH and variant, as image indexes use them."""

_ROLLOUT = 300.0
"""Seconds that what an owner asks for waits for a rollout."""

_TEMPLATE_FOLDERS = (
    Path("/usr/share/beacon/unit-templates"),
    Path(__file__).parent.parent / "unit-templates",  # in a wheel
    Path(__file__).parent.parent.parent / "unit-templates",  # in a checkout
)


class Definitions(Struct, frozen=True):
    """What the folder of definitions says: name → text, and path → why it cannot be read."""

    texts: Mapping[str, str]
    unreadable: Mapping[Path, str]

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the owner should know of those that cannot be read."""
        return tuple(Notice(why) for why in self.unreadable.values())


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def now(self) -> datetime:
        """Return local time with its zone."""
        return datetime.now().astimezone()


class _OnDemand:
    """Stands for a part that is costly to make, until somebody asks something of it."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> object:
        return getattr(self._make(), name)


def _probe() -> NetworkProbe:
    from beacon.engine.probe import NetworkProbe

    return NetworkProbe()


def _traffic() -> CaddyTraffic:
    from beacon.endpoints.traffic import CaddyTraffic

    return CaddyTraffic()


class Machine:
    """The machine in one scope, as *caller* may use it; it has parts, and no verbs."""

    def __init__(self, scope: Scope, caller: Caller) -> None:
        self.scope = scope
        self.caller = caller
        self.paths = Paths.of(scope, caller.environment, caller.home, caller.uid)
        self._looking = threading.Lock()

    def with_settings(self, settings: Settings) -> Machine:
        """Return the same machine as if beacon.toml said *settings*."""
        other = copy.copy(self)
        other.settings = settings
        return other

    @cached_property
    def settings(self) -> Settings:
        """What beacon.toml says."""
        from beacon.definition.settings import Settings, is_blank

        text = read_text(self.paths.settings)
        if text is None or is_blank(text):
            return Settings()
        from beacon.definition.beacon_toml import decode_settings

        return decode_settings(text, file=str(self.paths.settings))

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment that engine and registry client share, so that both see the same credentials."""
        environment = dict(self.caller.environment)
        if self.settings.auth_file is not None:
            environment["REGISTRY_AUTH_FILE"] = self.settings.auth_file
        return environment

    @cached_property
    def store(self) -> StateStore:
        """What is remembered."""
        from beacon.state.store import StateStore

        return StateStore(self.paths.state, self.paths.runtime)

    @cached_property
    def units(self) -> UnitDirectory:
        """The folders of Quadlet files and of plain units."""
        return UnitDirectory(self.paths.quadlet, self.paths.units, self._is_private)

    @cached_property
    def engine_kind(self) -> Engine:
        """Which engine runs this machine's containers: the one that is set, else the one that is there.

        Where both are there it is Podman, unless the installed units run docker: the owner changes engines.
        """
        if self.settings.engine is not None:
            return self.settings.engine
        here = [engine for engine in Engine if shutil.which(engine.value) is not None]
        if not here:
            raise HostError("neither podman nor docker is installed", hint="apt install podman")
        if len(here) == 1:
            return here[0]
        runs = {engine_of(text) for text in self.units.read_plain().values()}
        return Engine.DOCKER if Engine.DOCKER in runs else Engine.PODMAN

    @cached_property
    def engine(self) -> Podman | Docker:
        """The container engine."""
        return self.engine_of(self.engine_kind)

    def elsewhere(self, installed: Mapping[str, str] | None = None) -> dict[str, Engine]:
        """Return the services whose units run another engine than the chosen one, each with that engine.

        *installed* are the texts of the unit files, where they have been read already.
        """
        if installed is None:
            # Only a plain unit can run docker: where there are none, thousands of files need not be read.
            on_podman = self.engine_kind is Engine.PODMAN
            installed = self.units.read_plain() if on_podman else self.units.read_all()
        runs = {
            service: engine_of(text)
            for name, text in installed.items()
            if (service := service_of_file(name)) is not None and text.startswith(MARK)
        }
        return {service: engine for service, engine in runs.items() if engine is not self.engine_kind}

    def require_movable(self, installed: Mapping[str, str]) -> None:
        """Raise HostError where *installed* services run on another engine and cannot be moved from it."""
        for other in sorted(set(self.elsewhere(installed).values())):
            if other is Engine.DOCKER and self.scope is Scope.SYSTEM and shutil.which("docker") is not None:
                self.require_reachable()
                continue
            raise HostError(
                f"the services of this machine run on {other}, and their data is there: "
                f"they cannot go on with {self.engine_kind}",
                hint=f'set engine = "{other}" in {self.paths.settings}, or remove the services first: '
                f"beacon rm --all keeps the data in {other}",
            )

    def require_reachable(self) -> None:
        """Raise HostError where what comes from docker to Podman could not be reached there."""
        from beacon.engine.firewall import LET_THROUGH, docker_drops

        if docker_drops():
            raise HostError(
                "docker's firewall drops what comes to Podman's containers: moved services could not "
                "be reached",
                hint=f"let it pass: {' && '.join(LET_THROUGH)}",
            )

    def require_here(self, name: str) -> None:
        """Raise HostError where a service has not been moved yet to the chosen engine."""
        other = self.elsewhere().get(name)
        if other is not None:
            raise HostError(
                f"{name} runs on {other}, and this machine is to run its services on {self.engine_kind}",
                hint=f"beacon apply {name} moves it",
            )

    def engine_of(self, kind: Engine) -> Podman | Docker:
        """Return an engine of this machine."""
        if kind is Engine.DOCKER:
            from beacon.engine.docker import Docker

            return Docker(self.environment)
        from beacon.engine.podman import Podman

        return Podman(self.environment)

    def _on_demand(self, kind: Engine) -> Podman | Docker:
        return cast("Podman | Docker", _OnDemand(lambda: self.engine_of(kind)))

    @cached_property
    def systemd(self) -> SystemdManager:
        """The service manager."""
        from beacon.systemd.manager import SystemdManager

        return SystemdManager(self.scope)

    @cached_property
    def registry(self) -> RegistryClient:
        """The client for all registries."""
        from beacon.registry import CredentialStore, RegistriesConfig, RegistryClient

        home, uid = self.caller.home, self.caller.uid
        config = RegistriesConfig.load(self.environment, home)
        return RegistryClient(
            config,
            CredentialStore.load(self.environment, home, uid, helpers=config.credential_helpers),
            deadline=self.settings.registry_deadline,
            budget_reserve=self.settings.registry_reserve,
        )

    @property
    def registry_on_demand(self) -> RegistryClient:
        """The same, made when it is asked something: most plans ask no registry."""
        return cast("RegistryClient", _OnDemand(lambda: self.registry))

    def world_for(self, listener: Listener) -> World:
        """Return everything a rollout acts on; *listener* hears of what goes on."""
        from dataclasses import replace

        from beacon.operations.telling import Telling

        return replace(self._world, reporter=Telling(listener, self.scope))

    @cached_property
    def _world(self) -> World:
        from beacon.engine.hooks import HostHooks
        from beacon.operations.listener import Nobody
        from beacon.operations.telling import Telling
        from beacon.rollout.world import World
        from beacon.state.store import fingerprint

        return World(
            # A check that finds nothing new asks nothing of the engine and of systemd, and probes nothing.
            engine=cast("Podman | Docker", _OnDemand(lambda: self.engine)),
            systemd=cast("SystemdManager", _OnDemand(lambda: self.systemd)),
            files=self.units,
            store=self.store,
            clock=SystemClock(),
            probe=cast("NetworkProbe", _OnDemand(_probe)),
            hooks=HostHooks(self.scope),
            reporter=Telling(Nobody(), self.scope),
            fingerprint=fingerprint,
            engine_kind=lambda: self.engine_kind,
            engines={kind: self._on_demand(kind) for kind in Engine},
            **self._handover,
        )

    @property
    def _handover(self) -> dict[str, Any]:
        """What hands requests over: Caddy is the machine's, and brings users' services none."""
        if self.scope is not Scope.SYSTEM:
            return {}
        helpers = UnitDirectory(self.paths.helpers, self.paths.helpers, self._is_private)
        return {"helpers": helpers, "traffic": _OnDemand(_traffic)}

    @cached_property
    def renderer(self) -> Renderer:
        """Turns releases into unit files for this machine."""
        from beacon.rollout.candidates import Renderer

        return Renderer(lambda: self.facts, self.templates, self.allot)

    def _is_private(self, service: str) -> bool | None:
        return is_private(self.definition_path(service))

    def allot(self, release: Release) -> Release:
        """Return *release* with the ports and the domain that Beacon chooses for it, private as its text is.

        A definition that is about to be written will be private.
        """
        from msgspec.structs import replace

        private = self._is_private(release.service.name)
        if private is None:
            private = release.private or release.trigger is Trigger.ADD
        return self.naming.allot(self.loopback.allot(replace(release, private=private)))

    @cached_property
    def naming(self) -> Naming:
        """Gives services the domains that they ask for."""
        from beacon.rollout.naming import Naming

        machine = machine_label(platform.node())
        owner = machine if self.scope is Scope.SYSTEM else f"{machine}/{self.caller.uid}"
        base = self.settings.base_domain
        return Naming(self.store, base or f"{machine}.internal", self._domains, owner, fixed=base is not None)

    @cached_property
    def loopback(self) -> Loopback:
        """Gives services the ports of the loopback that their endpoints need."""
        from beacon.engine.listening import is_free
        from beacon.rollout.loopback import Loopback

        owner = "" if self.scope is Scope.SYSTEM else str(self.caller.uid)
        return Loopback(self.store, self.settings.ports, self._declared, is_free, owner)

    @cached_property
    def proxy(self) -> ManagedProxy | None:
        """The managed proxy; None if Caddy is not Beacon's to manage, as it never is for a user."""
        if self.scope is not Scope.SYSTEM or not self.caddy.is_managed():
            return None
        from beacon.endpoints.managed import ManagedProxy

        return ManagedProxy(self.caddy, self.store)

    def tell_proxy(self, outcomes: Iterable[Outcome]) -> tuple[Notice, ...]:
        """Have the managed proxy, if there is one, follow what *outcomes* changed; return what hinders it."""
        return self.proxy.follow(outcomes) if self.proxy is not None else ()

    @cached_property
    def caddy(self) -> Caddy:
        """The machine's Caddy."""
        from beacon.endpoints.caddy import Caddy
        from beacon.state.files import rewrite, write_for

        return Caddy(write_for, rewrite, self.paths.runtime / "check")

    def _domains(self) -> Iterator[str]:
        """Yield the domains of definitions, and those that images brought to what runs."""
        from beacon.definition.endpoints import declared, resolve

        for service in self._declared():
            yield from (one.endpoint.domain for one in declared(service)[0])
        for state in self.store.readable().values():
            live = state.live_release
            if live is not None:
                with suppress(DefinitionError):
                    yield from (one.domain for one in resolve(live.service, live.image)[0])

    def _declared(self) -> Iterator[Service]:
        """Yield the services whose definitions are in order."""
        from beacon.definition.decode import decode
        from beacon.rollout.readings import earlier_readings, live_releases

        texts = self.definition_files()
        known = earlier_readings(live_releases(self.store, texts), texts)
        for name, text in texts.items():
            with suppress(DefinitionError):
                yield known.get(name) or decode(text, name=name, file=str(self.definition_path(name)))

    @cached_property
    def platform(self) -> Platform:
        """The platform of this machine."""
        machine = platform.machine()
        architecture, variant = _ARCHITECTURES.get(machine, (machine, ""))
        return Platform("linux", architecture, variant)

    @property
    def facts(self) -> HostFacts:
        """What rendering needs to know of this machine."""
        with self._looking:  # the engine is asked once, however many threads want to know
            return self._facts

    @cached_property
    def _facts(self) -> HostFacts:
        from beacon.systemd.version import installed_version

        return HostFacts(
            engine=self.engine_kind,
            engine_version=self.engine.version(),
            systemd_version=installed_version(),
            platform=self.platform,
            scope=self.scope,
        )

    def facts_for(self, engine: Engine | None, version: EngineVersion | None) -> HostFacts:
        """Return the facts of this machine, or of one with the engine and version given."""
        chosen = engine or (Engine.PODMAN if version is not None else self.engine_kind)
        if version is None and chosen is self._installed_kind():
            return self.facts
        assumed = version or _ASSUMED[chosen]
        return HostFacts(chosen, assumed, _ASSUMED_SYSTEMD, self.platform, self.scope)

    def _installed_kind(self) -> Engine | None:
        """Return the engine of this machine, or None where it has none."""
        try:
            return self.engine_kind
        except HostError:
            return None

    @cached_property
    def templates(self) -> dict[str, str]:
        """The unit templates, each the owner's own where there is one."""
        from beacon.units.layout import TEMPLATE_NAMES

        return {name: self._template(name) for name in TEMPLATE_NAMES}

    def _template(self, name: str) -> str:
        for folder in (self.paths.template_overrides, *_TEMPLATE_FOLDERS):
            text = read_text(folder / name)
            if text is not None:
                return text
        raise HostError(f"cannot find the unit template {name}", hint="install the package again")

    def definitions(self) -> Definitions:
        """Return the texts of all definitions, and what cannot be read of them."""
        try:
            found = sorted(self.paths.definitions.glob("*.toml"))
        except PermissionError as error:
            raise AccessError(f"cannot read {self.paths.definitions}", hint="run this with sudo") from error
        texts: dict[str, str] = {}
        warnings: dict[Path, str] = {}
        for path in found:
            if path.name.startswith("."):
                continue
            try:
                text = read_text(path)
            except HostError:
                text = None
            if text is not None:
                texts[path.stem] = text
            elif (reason := why_unreadable(path)) is not None:
                warnings[path] = f"{path} {reason}"
        return Definitions(texts, warnings)

    def definition_files(self) -> dict[str, str]:
        """Return name → text of every definition that can be read."""
        return dict(self.definitions().texts)

    def require_readable(self, names: Iterable[str]) -> None:
        """Raise DefinitionError where definitions of *names* are there and cannot be read."""
        paths = (self.definition_path(name) for name in names)
        faults = [Fault(str(path), "", why) for path in paths if (why := why_unreadable(path)) is not None]
        if faults:
            raise DefinitionError(faults)

    def publishers(self) -> list[Publisher]:
        """Return what writes to the stores of beacon.toml, one for each of them."""
        from beacon.endpoints.stores import stores

        return [self.publisher_of(store) for store in stores(self.settings.publish)]

    @staticmethod
    def publisher_of(store: Store) -> Publisher:
        """Return what writes to a store; if several tables name it, the first says how to get in."""
        from beacon.definition.publishing import EtcdAccess, RedisAccess

        access = store.publications[0].access
        if isinstance(access, RedisAccess):
            from beacon.endpoints.redis_store import RedisPublisher

            return RedisPublisher(access)
        if isinstance(access, EtcdAccess):
            from beacon.endpoints.etcd_store import EtcdPublisher

            return EtcdPublisher(access)
        from beacon.endpoints.file_store import FilePublisher
        from beacon.state.files import write_atomic

        return FilePublisher(access, write_atomic)

    def definition_path(self, name: str) -> Path:
        """Return where the definition of a service is."""
        return self.paths.definitions / f"{name}.toml"

    def known_names(self) -> tuple[str, ...]:
        """Return the services that are defined or remembered: a cheap listing of names."""
        try:
            found = self.paths.definitions.glob("*.toml")
            defined = {path.stem for path in found if not path.name.startswith(".")}
        except PermissionError:
            defined = set()
        return tuple(sorted(defined | set(self.store.names())))

    @contextmanager
    def alone(
        self, names: Iterable[str], listener: Listener, *, patience: float = _ROLLOUT
    ) -> Iterator[None]:
        """Hold the locks of services, once rollouts of theirs that are under way have ended.

        Raises BusyError after *patience* seconds in vain.
        """
        with ExitStack() as locks:
            for name in sorted(names):
                try:
                    locks.enter_context(self.store.lock(name))
                except BusyError as error:
                    if self.caller.is_hook:  # its own rollout waits for it
                        hint = f"in a hook: systemctl stop {unit_name(name)}, or start"
                        raise BusyError(error.message, hint=hint) from None
                    tell(listener, Note(name, f"waiting, {error.message}"))
                    locks.enter_context(self.store.lock(name, wait=patience))
            yield

    def select(self, names: Sequence[str] | None) -> tuple[str, ...]:
        """Return the services meant by *names* (``web``, ``beacon-web``, ``beacon-web.service``), or all.

        A service of that very name is meant first. Raises NoSuchServiceError; its hint is the nearest name.
        """
        known = self.known_names()
        if not names:
            return known
        chosen = [meant(name, known) for name in names]
        for name in chosen:
            if name not in known:
                raise self._unknown(name, known)
        return tuple(dict.fromkeys(chosen))

    def _unknown(self, name: str, known: tuple[str, ...]) -> NoSuchServiceError:
        from beacon.operations.scopes import command_elsewhere, services_elsewhere

        if name not in services_elsewhere(self.scope, self.caller):
            return NoSuchServiceError(f"there is no service {name!r}", hint=_nearest(name, known))
        own, other = "you have", "the machine has"
        if self.scope is Scope.SYSTEM:
            own, other = other, own
        hint = command_elsewhere(self.scope, self.caller)
        return NoSuchServiceError(f"{own} no service {name!r}, but {other} one", hint=hint)

    def require_write(self, verb: str) -> None:
        """Raise AccessError where this user may not change what *verb* changes; tidy up where they may."""
        if self.scope is Scope.SYSTEM and self.caller.uid != 0:
            raise AccessError(
                f"beacon {verb} changes the machine's services, which only root may",
                hint=f"sudo {self.caller.command}" if self.caller.command else None,
            )
        for folder in self.paths.written:
            sweep(folder)


_ASSUMED_SYSTEMD = 257
_ASSUMED = {Engine.PODMAN: EngineVersion(5, 4, 2), Engine.DOCKER: EngineVersion(26, 1, 5)}
"""Debian 13's, to render for a machine that is not this one."""


def machine_label(node: str) -> str:
    """Return the machine's name as a label of a domain."""
    label = re.sub(r"[^a-z0-9]+", "-", node.partition(".")[0].lower())[:_LABEL].strip("-")
    return label or "machine"


_LABEL = 63


def meant(name: str, known: Collection[str]) -> str:
    """Return the service that a name on the command line means: one of the *known* that is called so.

    Else the names of its unit and of its file are understood too.
    """
    if name in known:
        return name
    return name.removeprefix(PREFIX).removesuffix(".service").removesuffix(".toml")


def _nearest(name: str, known: tuple[str, ...]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return "beacon status lists the services" if known else "beacon add NAME IMAGE makes the first one"
