"""Look at the links of endpoints, all at once, and judge them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from beacon.definition.endpoints.claims import claim_text
from beacon.doctor.collect.chain import all_links, around, links
from beacon.doctor.collect.units import show
from beacon.doctor.judge.chain import DNS, chain
from beacon.doctor.judge.finding import Commands, Report, warning
from beacon.doctor.judge.links import Links, Managed
from beacon.endpoints.proxy.caddy import UNIT, Caddy, is_installed
from beacon.endpoints.proxy.managed import ManagedProxy
from beacon.endpoints.routing.meaning import Chosen
from beacon.endpoints.routing.routes import Route, RunningService
from beacon.errors import MachineError, StoreError
from beacon.model.machine import Engine, Scope
from beacon.systemd.user import ACTING_FOR

if TYPE_CHECKING:
    from beacon.engine.docker import Docker
    from beacon.engine.podman import Podman

_LIMIT = 40.0
"""Seconds after which an endpoint that has not been looked at whole is reported as such."""
_LATE = Report(DNS, (warning(f"no answer within {_LIMIT:g} s", "what is asked hangs or is very slow"),))


class Machine(Protocol):
    """The machine in one scope, as far as endpoints lead through it."""

    @property
    def scope(self) -> Scope:
        """Whose services they are."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of commands."""

    @property
    def engine_kind(self) -> Engine:
        """Which engine runs the containers."""

    @property
    def engine(self) -> Podman | Docker:
        """That engine."""

    @property
    def proxy(self) -> ManagedProxy | None:
        """The managed proxy, if there is one."""

    @property
    def caddy(self) -> Caddy:
        """The machine's Caddy."""


def judge_chains(
    machine: Machine, here: Mapping[str, RunningService], chosen: Chosen
) -> list[tuple[Route, tuple[Report, ...]]]:
    """Return what is found of each link of the endpoints *chosen*, of the services that are *here*."""
    if not chosen:
        return []
    commands = Commands(machine.scope, acting_for=machine.environment.get(ACTING_FOR, ""))
    proxies = managed(machine, here, [route for route, _ in chosen])
    root = machine.scope is Scope.SYSTEM and machine.engine_kind is Engine.PODMAN
    address = machine.engine.address if root else None
    surroundings = around(_root(machine) if proxies[0].there else "", address)

    def question(route: Route, domain: str, proxy: Managed) -> Callable[[], Links]:
        unit = here[route.service].unit.active
        return lambda: links(route, domain, unit, proxy, surroundings)

    asked = [question(*pair, proxy) for pair, proxy in zip(chosen, proxies, strict=True)]
    return [
        (route, (_LATE,) if seen is None else chain(seen, commands))
        for (route, _), seen in zip(chosen, all_links(asked, _LIMIT), strict=True)
    ]


def _root(machine: Machine) -> str:
    try:
        return machine.caddy.root_certificate()
    except StoreError:
        return ""


def managed(machine: Machine, here: Mapping[str, RunningService], chosen: Sequence[Route]) -> list[Managed]:
    """Return what Beacon's proxy has to do with each of the endpoints *chosen*."""
    if machine.scope is not Scope.SYSTEM:
        return [Managed() for _ in chosen]
    base = Managed(installed=is_installed(), there=machine.proxy is not None)
    if machine.proxy is None:
        return [base for _ in chosen]
    try:
        active = show([UNIT], Scope.SYSTEM, machine.environment)[UNIT].active
    except MachineError:
        active = "in a state that systemd does not tell"
    why, loaded = machine.proxy.unanswered(here), machine.caddy.hosts()
    proxies = []
    for route in chosen:
        problem, mend = why.get((route.service, claim_text(route.endpoint)), ("", ""))
        known = None if loaded is None else route.endpoint.domain in loaded
        proxies.append(replace(base, active=active, left_out=problem, mend=mend, loaded=known))
    return proxies
