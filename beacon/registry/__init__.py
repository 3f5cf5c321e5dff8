"""The client of OCI registries: digests, images, tags, logins and limits (OCI distribution specification)."""

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
