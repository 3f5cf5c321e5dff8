"""The client of OCI registries: digests, images, tags, logins and limits (OCI distribution specification).

What a check comes to is imported at once; the client, and with it HTTP, when it is asked for: most verbs talk
about results and never to a registry.
"""

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from beacon.registry.client import RegistryClient
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
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    from beacon.imports import authorities_unread, missing  # noqa: PLC0415

    # requests loads chardet to guess encodings, and nothing here is guessed: 15 ms. The transport brings its
    # own TLS contexts.
    with missing("chardet"), authorities_unread():
        return getattr(import_module(_HOMES[name]), name)
