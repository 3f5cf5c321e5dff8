"""The client of OCI registries: digests, images, tags, logins and limits (OCI distribution specification).

Importing this package is cheap: requests is imported with the client, by the first who asks for it. Who only
reads what a check came to takes that from beacon.registry.results.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from beacon.imports import missing

if TYPE_CHECKING:
    from beacon.registry.client import RegistryClient
    from beacon.registry.results import (
        Budget,
        BudgetError,
        CheckResult,
        Deferred,
        DeferredError,
        Failed,
        FailureKind,
        Found,
        PlatformError,
        RefusedError,
    )
    from beacon.registry.settings.credentials import CredentialStore
    from beacon.registry.settings.registries_conf import RegistriesConfig

__all__ = [
    "Budget",
    "BudgetError",
    "CheckResult",
    "CredentialStore",
    "Deferred",
    "DeferredError",
    "Failed",
    "FailureKind",
    "Found",
    "PlatformError",
    "RefusedError",
    "RegistriesConfig",
    "RegistryClient",
]

_HOMES = {
    "CredentialStore": "beacon.registry.settings.credentials",
    "RegistriesConfig": "beacon.registry.settings.registries_conf",
    "RegistryClient": "beacon.registry.client",
}


def __getattr__(name: str) -> object:
    """Import what is asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with missing("chardet"):  # requests has a second library that guesses encodings; none is guessed: 20 ms
        return getattr(import_module(_HOMES.get(name, "beacon.registry.results")), name)
