"""What services ask for, in their definitions or by their images, so that nobody else is given it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Protocol

from beacon.definition.decode import decode
from beacon.definition.endpoints.claims import declared, resolve
from beacon.errors import DefinitionError
from beacon.model.release import ServiceState
from beacon.model.service import Service
from beacon.rollout.ports import StateStore
from beacon.rollout.readings import earlier_readings, live_releases


class States(StateStore, Protocol):
    """What is remembered of all services."""

    def readable(self) -> Mapping[str, ServiceState]:
        """Return the states that can be read."""


def declared_services(texts: Mapping[str, str], store: StateStore) -> Iterator[Service]:
    """Yield the services of *texts* (name → text) whose definitions are in order."""
    known = earlier_readings(live_releases(store, texts), texts)
    for name, text in texts.items():
        with suppress(DefinitionError):
            yield known.get(name) or decode(text, name=name, file=f"{name}.toml")


def taken_domains(services: Iterable[Service], store: States) -> Iterator[str]:
    """Yield the domains of *services*, and those that images brought to what runs."""
    for service in services:
        yield from (one.endpoint.domain for one in declared(service)[0])
    for state in store.readable().values():
        live = state.live_release
        if live is not None:
            with suppress(DefinitionError):
                yield from (one.domain for one in resolve(live.service, live.image)[0])
