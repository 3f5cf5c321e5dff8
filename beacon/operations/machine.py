"""The composition root: the real parts of this machine, each made when it is first needed."""

from __future__ import annotations

import copy
import threading
from functools import cached_property, partial
from typing import TYPE_CHECKING

from beacon.engine.clock import SystemClock
from beacon.later import later
from beacon.model.machine import Engine, EngineVersion, MachineFacts, Scope, assumed_facts
from beacon.model.notice import Notice
from beacon.model.runtime import Unwell
from beacon.operations.listener import Cancelable
from beacon.operations.scoped import Scoped
from beacon.state.files import UnitDirectory, read_text, rewrite, write_atomic, write_for
from beacon.state.limits import KeptLimits
from beacon.state.templates import read_template, read_templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from beacon.definition.settings import Settings
    from beacon.endpoints.proxy.caddy import Caddy
    from beacon.endpoints.proxy.managed import ManagedProxy
    from beacon.endpoints.proxy.traffic import CaddyTraffic
    from beacon.endpoints.routing.forms import Formats
    from beacon.endpoints.routing.publisher import Publisher
    from beacon.endpoints.routing.stores import Store
    from beacon.engine.docker import Docker
    from beacon.engine.engines import Engines
    from beacon.engine.foreign import Containers
    from beacon.engine.podman import Podman
    from beacon.engine.probe import NetworkProbe
    from beacon.engine.surroundings import MachineSurroundings
    from beacon.model.event import Event
    from beacon.model.outcome import Outcome
    from beacon.operations.caller import Caller
    from beacon.operations.listener import Listener
    from beacon.registry.client import RegistryClient
    from beacon.rollout.adoption import Adoptions
    from beacon.rollout.allotting.allotment import Allotment
    from beacon.rollout.following.rollouts import Rollouts
    from beacon.rollout.following.unfollowed import Unfollowed
    from beacon.rollout.proposing.proposer import Proposer
    from beacon.rollout.rendering import Renderer
    from beacon.rollout.sharing.secrets import Secrets
    from beacon.rollout.tools import Tools
    from beacon.state.notifications import Queue
    from beacon.state.outbox import Outbox
    from beacon.systemd.manager import SystemdManager


def _probe() -> NetworkProbe:
    from beacon.engine.probe import NetworkProbe

    return NetworkProbe()


def _fill_template(text: str, names: Mapping[str, object], what: str, hint: str) -> str:
    from beacon.formats.template import fill

    return fill(text, names, what, hint)


def _write_yaml(values: Mapping[str, object]) -> str:
    from beacon.formats.yaml import write_document

    return write_document(values)


def _traffic() -> CaddyTraffic:
    from beacon.endpoints.proxy.traffic import CaddyTraffic

    return CaddyTraffic()


class Machine(Scoped):
    """The machine in one scope, as *caller* may use it; it has parts, and no verbs."""

    def __init__(self, scope: Scope, caller: Caller) -> None:
        super().__init__(scope, caller)
        self._facts_lock = threading.Lock()

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
        environment = {"HOME": str(self.caller.home), **self.caller.environment}  # units of systemd have none
        if self.settings.auth_file is not None:
            environment["REGISTRY_AUTH_FILE"] = self.settings.auth_file
        return environment

    @cached_property
    def units(self) -> UnitDirectory:
        """The folders of Quadlet files and of plain units."""
        return UnitDirectory(self.paths.quadlet, self.paths.units, self.is_private)

    @cached_property
    def engines(self) -> Engines:
        """The engines that there are, the chosen one, and what still runs on another."""
        from beacon.engine.engines import Engines

        return Engines(self.settings.engine, self.units, self.scope, self.paths.settings)

    @cached_property
    def engine_kind(self) -> Engine:
        """Which engine runs this machine's containers."""
        return self.engines.kind

    @cached_property
    def engine(self) -> Podman | Docker:
        """The container engine."""
        return self.engine_of(self.engine_kind)

    def engine_of(self, kind: Engine) -> Podman | Docker:
        """Return an engine of this machine."""
        if kind is Engine.DOCKER:
            from beacon.engine.docker import Docker

            return Docker(self.environment)
        from beacon.engine.podman import Podman

        return Podman(self.environment)

    @cached_property
    def foreign(self) -> Containers:
        """The containers that are not Beacon's."""
        from beacon.engine.foreign import Containers

        return Containers(self.environment)

    @cached_property
    def systemd(self) -> SystemdManager:
        """The service manager."""
        from beacon.systemd.manager import SystemdManager

        return SystemdManager(self.scope)

    @cached_property
    def limits(self) -> KeptLimits:
        """The registries that ask for patience."""
        return KeptLimits(self.paths.state / "limits.json")

    @cached_property
    def registry(self) -> RegistryClient:
        """The client for all registries."""
        from ssl import SSLContext

        from beacon.imports import missing, unread

        # requests loads chardet to guess encodings, and nothing here is guessed: 15 ms.
        with missing("chardet"), unread(SSLContext):
            from beacon.registry.client import RegistryClient
        from beacon.registry.settings.credentials import CredentialStore
        from beacon.registry.settings.registries_conf import RegistriesConfig

        home, uid = self.caller.home, self.caller.uid
        config = RegistriesConfig.load(self.environment, home)
        return RegistryClient(
            config,
            CredentialStore.load(self.environment, home, uid, helpers=config.credential_helpers),
            deadline=self.settings.registry_deadline,
            budget_reserve=self.settings.registry_reserve,
            limits=self.limits,
        )

    @property
    def registry_on_demand(self) -> RegistryClient:
        """The same, made when it is asked something: most plans ask no registry."""
        return later(lambda: self.registry)

    def tools_for(self, listener: Listener) -> Tools:
        """Return everything a rollout acts on; *listener* hears of what goes on, and may cancel it."""
        from dataclasses import replace

        from beacon.operations.reporting import ListenerReporter

        tools = replace(self.tools, reporter=ListenerReporter(listener, self.outbox.log))
        return replace(tools, is_canceled=listener.is_canceled) if isinstance(listener, Cancelable) else tools

    def rollouts_for(self, tools: Tools) -> Rollouts:
        """Return what rolls out in *tools*; it is loaded when something is asked of it."""

        def make() -> Rollouts:
            from beacon.rollout.following.rollouts import Rollouts

            return Rollouts(tools, lambda: self.renderer)

        return later(make)

    def proposer_for(self, listener: Listener) -> Proposer:
        """Return what works plans out."""
        from beacon.rollout.proposing.proposer import Proposer

        return Proposer(self.tools_for(listener), self.registry_on_demand, self.renderer, self.platform)

    def unfollowed_for(self, tools: Tools) -> Unfollowed:
        """Return what has services followed again in *tools* of which nothing is remembered."""
        from beacon.rollout.following.unfollowed import Unfollowed
        from beacon.rollout.proposing.proposer import Proposer
        from beacon.rollout.proposing.takeover import TakeOver

        parts = (tools, self.registry, self.renderer, self.platform)
        return Unfollowed(self, tools, TakeOver(*parts), Proposer(*parts))

    def adoptions_for(self, listener: Listener) -> Adoptions:
        """Return the adoptions of containers; *listener* hears how they come along."""
        from beacon.rollout.adoption import Adoptions

        proposer = self.proposer_for(listener)
        return Adoptions(self, proposer.tools, proposer, self.store, self.foreign.get, self.paths.removed)

    def unwell(self) -> Unwell:
        """Return Beacon's units that are not up, told without D-Bus: most checks need no more of systemd."""
        from beacon.systemd.listing import unwell

        return unwell(self.scope)

    @cached_property
    def tools(self) -> Tools:
        """Everything a rollout acts on, of which nobody hears."""
        from beacon.engine.hooks import MachineHooks
        from beacon.operations.listener import Nobody
        from beacon.operations.reporting import ListenerReporter
        from beacon.rollout.tools import NoTraffic, Tools
        from beacon.state.store import fingerprint

        is_system, helpers = self.scope is Scope.SYSTEM, (self.paths.helpers, self.paths.helpers)
        return Tools(
            # A check that finds nothing new asks nothing of the engine and of systemd, and probes nothing.
            engine=later(lambda: self.engine),
            systemd=later(lambda: self.systemd),
            files=self.units,
            store=self.store,
            clock=SystemClock(),
            probe=later(_probe),
            hooks=MachineHooks(self.scope),
            reporter=ListenerReporter(Nobody(), self.outbox.log),
            fingerprint=fingerprint,
            engine_kind=lambda: self.engine_kind,
            engines={kind: later(partial(self.engine_of, kind)) for kind in Engine},
            # Caddy is the machine's, and brings users' services no requests.
            helpers=UnitDirectory(*helpers, self.is_private) if is_system else None,
            traffic=later(_traffic) if is_system else NoTraffic(),
            surroundings=later(self._surroundings),
            secrets=later(lambda: self.secrets),
            limits=self.limits,
            asks=lambda: self.settings.update_apply == "ask",
            systemctl=self.caller.systemctl(self.scope),
        )

    @cached_property
    def secrets(self) -> Secrets:
        """The secrets that Beacon keeps."""
        from beacon.secrets.kept import kept_secrets

        return kept_secrets(self.scope, self.engine, self.paths.secrets)

    def _surroundings(self) -> MachineSurroundings:
        from beacon.engine.surroundings import MachineSurroundings

        storage = "docker" if self.engine_kind is Engine.DOCKER else "containers"
        return MachineSurroundings((self.paths.state, self.paths.state.parent / storage))

    @cached_property
    def outbox(self) -> Outbox:
        """The events on their way to the journal and to who is notified."""
        from beacon.state.outbox import Outbox

        return Outbox(self.paths.outbox, self.store, self.queue.add, self._log)

    @cached_property
    def queue(self) -> Queue:
        """The news on their way to those who are notified."""
        from beacon.state.notifications import Queue

        return Queue(self.paths.notifications, self.paths.notified, lambda: self.settings.notify)

    def _log(self, event: Event, name: str) -> None:
        from beacon.systemd.entries import log_event  # 30 ms, and most runs have nothing to log

        log_event(event, name, self.scope)

    @cached_property
    def renderer(self) -> Renderer:
        """Turns releases into unit files for this machine."""
        from beacon.rollout.rendering import Renderer

        return Renderer(lambda: self.facts, self.templates, self.allotment.allot)

    @cached_property
    def allotment(self) -> Allotment:
        """What Beacon chooses for services."""
        from beacon.engine.listening import is_free
        from beacon.rollout.allotting.allotment import Allotment

        user = None if self.scope is Scope.SYSTEM else self.caller.uid
        parts = self.definition_files, is_free, self.is_private, self.tools.secrets
        return Allotment(self.store, self.settings, user, *parts)

    @cached_property
    def proxy(self) -> ManagedProxy | None:
        """The managed proxy; None if Caddy is not Beacon's to manage, as it never is for a user."""
        if self.scope is not Scope.SYSTEM or not self.caddy.is_managed():
            return None
        from beacon.endpoints.proxy.managed import ManagedProxy

        return ManagedProxy(self.caddy, self.store)

    def update_proxy(self, outcomes: Iterable[Outcome]) -> tuple[Notice, ...]:
        """Have the managed proxy, if there is one, follow what *outcomes* changed; return what hinders it."""
        return self.proxy.follow(outcomes) if self.proxy is not None else ()

    @cached_property
    def caddy(self) -> Caddy:
        """The machine's Caddy."""
        from beacon.endpoints.proxy.caddy import Caddy

        return Caddy(write_for, rewrite, self.paths.runtime / "check")

    @property
    def facts(self) -> MachineFacts:
        """What rendering needs to know of this machine."""
        with self._facts_lock:  # the engine is asked once, however many threads want to know
            return self._facts

    @cached_property
    def _facts(self) -> MachineFacts:
        from beacon.systemd.version import installed_version

        return MachineFacts(
            engine=self.engine_kind,
            engine_version=self.engine.version(),
            systemd_version=installed_version(),
            platform=self.platform,
            scope=self.scope,
        )

    def facts_for(self, engine: Engine | None, version: EngineVersion | None) -> MachineFacts:
        """Return the facts of this machine, or of one with the engine and version given."""
        chosen = engine or (Engine.PODMAN if version is not None else self.engine_kind)
        if version is None and chosen is self.engines.installed:
            return self.facts
        return assumed_facts(chosen, version, self.platform, self.scope)

    @cached_property
    def templates(self) -> dict[str, str]:
        """The unit templates, each the owner's own if there is one."""
        from beacon.units.layout import TEMPLATE_NAMES

        return read_templates(self.paths.template_overrides, TEMPLATE_NAMES)

    @property
    def formats(self) -> Formats:
        """Templates and YAML, for what is published."""
        from beacon.endpoints.routing.forms import Formats

        return Formats(_fill_template, _write_yaml, read_template)

    @staticmethod
    def publisher_of(store: Store) -> Publisher:
        """Return what writes to a store; if several tables name it, the first says how to get in."""
        from beacon.model.endpoints.publication import EtcdAccess, RedisAccess

        access = store.publications[0].access
        if isinstance(access, RedisAccess):
            from beacon.endpoints.stores.redis import RedisPublisher

            if not access.tls:
                return RedisPublisher(access)
            from beacon.endpoints.stores.tls import encrypted

            return RedisPublisher(access, encrypted)
        if isinstance(access, EtcdAccess):
            from beacon.endpoints.stores.etcd import EtcdPublisher

            return EtcdPublisher(access)
        from beacon.endpoints.stores.file import FilePublisher

        return FilePublisher(access, write_atomic)
