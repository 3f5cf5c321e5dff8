"""What Beacon chooses for the services of one scope, so that nobody has to."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from msgspec.structs import replace

from beacon.definition.endpoints.memorable import machine_label
from beacon.definition.settings import Settings
from beacon.model.release import Release, ReleaseState, Trigger
from beacon.model.sensitive import newest
from beacon.model.service import Service
from beacon.rollout.allotting.declared import States, declared_services, taken_domains
from beacon.rollout.allotting.domains import DomainAllotter
from beacon.rollout.allotting.ports import PortAllotter
from beacon.rollout.sharing.secrets import NoSecrets, Secrets


@dataclass
class Allotment:
    """Gives releases their ports of the loopback and their domains."""

    store: States
    settings: Settings
    user: int | None
    """Whose services these are; None for the machine's."""
    texts: Callable[[], Mapping[str, str]]
    """Returns the definitions, name → text."""
    is_free: Callable[[int, str], bool]
    """Says whether nobody listens at a port of the protocol."""
    is_private: Callable[[str], bool | None]
    """Says whether a service's definition is only for its owner to read; None if there is none."""
    secrets: Secrets = field(default_factory=NoSecrets)
    """Those that Beacon keeps."""

    def allot(self, release: Release) -> Release:
        """Return *release* with the ports and the domain that Beacon chooses for it, private as its text is.

        A definition that is about to be written will be private.
        """
        private = self.is_private(release.service.name)
        if private is None:
            private = release.private or release.trigger is Trigger.ADD
        release = replace(release, private=private, secrets=self._versions(release))
        return self.domains.allot(self.ports.allot(release))

    def _versions(self, release: Release) -> Mapping[str, int]:
        """Return the versions of Beacon's secrets that *release* runs with.

        They are the newest if its owner applies it. An update changes the image alone, and one that is gone
        back to has what it had.
        """
        names = {secret.name for secret in release.service.secrets}
        if not names or release.state is ReleaseState.SUPERSEDED:
            return release.secrets
        live = self.store.load(release.service.name).live_release if _is_update(release) else None
        found = {**newest(self.secrets.versions()), **(live.secrets if live is not None else {})}
        return {name: found[name] for name in sorted(names) if name in found}

    @cached_property
    def domains(self) -> DomainAllotter:
        """Gives services the domains that they ask for."""
        machine, base = machine_label(platform.node()), self.settings.base_domain
        owner = machine if self.user is None else f"{machine}/{self.user}"
        return DomainAllotter(
            self.store, base or f"{machine}.internal", self._domains, owner, fixed=base is not None
        )

    @cached_property
    def ports(self) -> PortAllotter:
        """Gives services the ports of the loopback that their endpoints need."""
        owner = "" if self.user is None else str(self.user)
        return PortAllotter(self.store, self.settings.ports, self._declared, self.is_free, owner)

    def _domains(self) -> Iterator[str]:
        return taken_domains(self._declared(), self.store)

    def _declared(self) -> Iterator[Service]:
        return declared_services(self.texts(), self.store)


def _is_update(release: Release) -> bool:
    return release.trigger is Trigger.UPDATE and release.state is ReleaseState.CANDIDATE
