"""One scope of this computer: who may change it, which services are meant, and what is remembered of them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path

from beacon.definition.names import meant, nearest
from beacon.errors import AccessError, BusyError, NoSuchServiceError
from beacon.model.endpoints.proxy import CADDY_FILE
from beacon.model.image import Platform
from beacon.model.machine import Scope, platform_of
from beacon.model.rollout.halt import Halt
from beacon.model.unit import unit_name
from beacon.operations.caller import Caller
from beacon.operations.listener import Listener, Note, report, waited
from beacon.state.definitions import DefinitionFolder, Definitions
from beacon.state.files import is_private, sweep
from beacon.state.paths import Paths
from beacon.state.scopes import services_elsewhere
from beacon.state.store import StateStore

_ROLLOUT = 300.0
"""Seconds that what an owner asks for waits for a rollout."""


class Scoped:
    """One scope, as *caller* may use it."""

    def __init__(self, scope: Scope, caller: Caller) -> None:
        self.scope = scope
        self.caller = caller
        self.paths = Paths.of(scope, caller.environment, caller.home, caller.uid)

    @cached_property
    def store(self) -> StateStore:
        """What is remembered."""
        return StateStore(self.paths.state, self.paths.runtime)

    @cached_property
    def folder(self) -> DefinitionFolder:
        """Where definitions come from."""
        return DefinitionFolder(self.paths.definitions)

    @cached_property
    def is_proxied(self) -> bool:
        """Whether Beacon manages a proxy, told without loading what does so."""
        return self.scope is Scope.SYSTEM and Path(CADDY_FILE).exists()

    def definitions(self) -> Definitions:
        """Return all definitions."""
        return self.folder.read()

    def require_readable(self, names: Iterable[str]) -> None:
        """Raise DefinitionError where definitions of *names* are there and cannot be read."""
        self.folder.require_readable(names)

    def definition_files(self) -> dict[str, str]:
        """Return name → text of every definition that can be read."""
        return dict(self.definitions().texts)

    def definition_path(self, name: str) -> Path:
        """Return where the definition of a service is."""
        return self.folder.path(name)

    def is_private(self, name: str) -> bool | None:
        """Say whether other users cannot read the definition of a service; None without one."""
        return is_private(self.definition_path(name))

    @cached_property
    def platform(self) -> Platform:
        """The platform of this machine."""
        return platform_of(platform.machine())

    @cached_property
    def others(self) -> frozenset[str]:
        """The services of the other scope, as far as who asks may see them."""
        return services_elsewhere(self.scope, self.caller.environment)

    def known_names(self) -> tuple[str, ...]:
        """Return the services that are defined or remembered: a cheap listing of names."""
        return tuple(sorted(self.folder.names() | set(self.store.names())))

    @contextmanager
    def alone(
        self,
        names: Iterable[str],
        listener: Listener,
        *,
        halt: Halt | None = None,
        patience: float = _ROLLOUT,
    ) -> Iterator[None]:
        """Hold the locks of services, once rollouts of theirs that are under way have ended.

        For a *halt* these turn back as soon as they can.
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
                    report(listener, Note(name, f"waiting, {error.message}"))
                    marked = self.store.halted(name, halt) if halt is not None else nullcontext()
                    with marked, waited(listener, name, f"waiting, {error.message}", patience):
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
        if name not in self.others:
            return NoSuchServiceError(f"there is no service {name!r}", hint=nearest(name, known))
        own, other = "you have", "the machine has"
        if self.scope is Scope.SYSTEM:
            own, other = other, own
        hint = self.caller.typed_elsewhere(self.scope)
        return NoSuchServiceError(f"{own} no service {name!r}, but {other} one", hint=hint)

    def require_write(self, verb: str) -> None:
        """Raise AccessError where this user may not change what *verb* changes; sweep where they may."""
        if self.scope is Scope.SYSTEM and self.caller.uid != 0:
            raise AccessError(
                f"beacon {verb} changes the machine's services, which only root may",
                hint=f"sudo {self.caller.command}" if self.caller.command else None,
            )
        for folder in self.paths.written:
            sweep(folder)
