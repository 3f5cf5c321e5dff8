"""Gives services the domain that ``domain = "auto"`` asks for; a service keeps what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from msgspec.structs import replace

from beacon.definition.effective import effective
from beacon.definition.endpoints.memorable import asks, choose_domain, may_ask
from beacon.model.release import Release


class DomainRecord(Protocol):
    """Which services were given a domain."""

    def domains(self) -> Mapping[str, str]:
        """Return service → the domain that was chosen for it."""


@dataclass
class DomainAllotter:
    """Memorable domains for services, each given to one service only.

    As with ports of the loopback, what is given out here is on record only once a rollout of the release
    begins.
    """

    record: DomainRecord
    base: str
    in_use: Callable[[], Iterable[str]]
    """The domains that services have otherwise."""
    owner: str = ""
    """Whose services these are, and on which machine: others mostly get other names."""
    fixed: bool = False
    """Whether the owner has set *base*: then names that were chosen below another one move below it."""
    _given: dict[str, str] = field(default_factory=dict)

    def allot(self, release: Release) -> Release:
        """Return *release* with the domain that it asks for, and without one if it does not."""
        domain = self.domain(release.service.name) if self._asks(release) else ""
        return release if domain == release.domain else replace(release, domain=domain)

    def domain(self, service: str) -> str:
        """Return the domain that a service has, or would be given."""
        kept = self._recorded.get(service) or self._given.get(service)
        if kept is not None and (not self.fixed or kept.endswith(f".{self.base}")):
            return kept
        label = "" if kept is None else kept.partition(".")[0]
        moved = f"{label}.{self.base}"
        if not label or moved in self._taken:
            moved = self.another(service)
        self._given[service] = moved
        self._taken.add(moved)
        return moved

    def another(self, seed: str) -> str:
        """Return a domain that nobody has."""
        return choose_domain(self.base, f"{self.owner}/{seed}", self._taken.__contains__)

    def _asks(self, release: Release) -> bool:
        if not may_ask(release.service, release.image.labels, release.image.env):
            return False
        return asks(effective(release.service, release.image).service)

    @cached_property
    def _recorded(self) -> dict[str, str]:
        return dict(self.record.domains())

    @cached_property
    def _taken(self) -> set[str]:
        return {*self._recorded.values(), *self.in_use()}
