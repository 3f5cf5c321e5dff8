"""Secrets: their values come in, and only containers get them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import MachineError, UsageError
from beacon.model.sensitive import LARGEST, SecretVersion, is_secret_name, newest
from beacon.operations.apply import ApplyRequest, apply
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.allotting.declared import declared_services
from beacon.wire.definition import SecretInfo, Secrets, SecretsKept

_LOCK = "_secrets"
_PATIENCE = 60.0
_LONGEST_NAME = 100


class KeepRequest(Struct, frozen=True):
    """Keep these values, by name; with *apply* the services that use them get them at once."""

    values: Mapping[str, bytes]
    apply: bool = False

    def __repr__(self) -> str:
        return f"KeepRequest({', '.join(self.values)})"


class RemoveSecretRequest(Struct, frozen=True):
    """Remove the secret *name* and all its versions."""

    name: str


class _Use:
    """What the services of one scope say and remember of secrets, read once."""

    def __init__(self, machine: Machine) -> None:
        self.states = machine.store.readable()
        self.is_whole = self.states.keys() == set(machine.store.names())
        self._named: dict[str, set[str]] = {}
        for service in declared_services(machine.definition_files(), machine.store):
            for secret in service.secrets:
                self._named.setdefault(secret.name, set()).add(service.name)

    def named(self) -> frozenset[str]:
        """Return the secrets that definitions name."""
        return frozenset(self._named)

    def remembered(self, name: str) -> frozenset[int]:
        """Return the versions of a secret that releases know, which might be gone back to."""
        releases = (one for state in self.states.values() for one in state.releases)
        return frozenset(one.secrets[name] for one in releases if name in one.secrets)

    def needing(self, name: str) -> list[str]:
        """Return the services that name a secret, run with it, or did so before the live release."""
        bound = {
            state.name
            for state in self.states.values()
            for one in (state.live_release, state.release(state.previous))
            if one is not None and name in one.secrets
        }
        return sorted(self._named.get(name, set()) | bound)

    def info(self, name: str, version: int | None) -> SecretInfo:
        """Return what there is to say of a secret whose newest version is *version*."""
        services = sorted(self._named.get(name, ()))
        runs = {one: self._runs(one, name) for one in services} if version is not None else {}
        behind = tuple(one for one, number in runs.items() if number not in {None, version})
        return SecretInfo(name=name, version=version, services=tuple(services), behind=behind)

    def _runs(self, service: str, name: str) -> int | None:
        """Return the version that a service runs with: 0 if that is the engine's own secret of the name."""
        live = self.states[service].live_release if service in self.states else None
        return None if live is None else live.secrets.get(name, 0)


def list_secrets(machine: Machine, listener: Listener) -> Secrets:
    """Return all secrets, and those that definitions name although Beacon keeps none of the name."""
    del listener
    machine.require_write("secret list")
    versions, use = newest(machine.secrets.versions()), _Use(machine)
    names = sorted(versions.keys() | use.named())
    return Secrets(secrets=tuple(use.info(name, versions.get(name)) for name in names))


def unneeded(machine: Machine) -> list[str] | None:
    """Return the secrets that no service needs, now or to go back; None if that cannot be known."""
    use = _Use(machine)
    if not use.is_whole:
        return None
    names = sorted({one.name for one in machine.secrets.versions()})
    return [name for name in names if not use.needing(name)]


def keep(machine: Machine, request: KeepRequest, listener: Listener) -> SecretsKept:
    """Keep values, each as a new version unless it is what it was; if one is refused, nothing is kept.

    Services go on with the version that they run with until they are applied.
    Raises UsageError for a name or a value that cannot be one.
    """
    machine.require_write("secret set")
    for name, value in request.values.items():
        _require_fit(name, value)
    with machine.store.lock(_LOCK, wait=_PATIENCE):
        use, there = _Use(machine), machine.secrets.versions()
        before = newest(there)
        now = {
            name: _keep(machine, use, there, name, value) for name, value in sorted(request.values.items())
        }
    kept = tuple(use.info(name, number) for name, number in now.items())
    unchanged = tuple(name for name, number in now.items() if before.get(name) == number)
    answer = SecretsKept(kept=kept, unchanged=unchanged)
    behind = tuple(dict.fromkeys(service for one in kept for service in one.behind))
    if not request.apply or not behind:
        return answer
    done = apply(machine, ApplyRequest(behind), listener)
    kept = tuple(_Use(machine).info(one.name, one.version) for one in kept)
    return replace(answer, kept=kept, outcomes=done.services, warnings=done.warnings)


def remove(machine: Machine, request: RemoveSecretRequest, listener: Listener) -> Secrets:
    """Remove a secret that no service uses; return what there was of it.

    Raises UsageError if there is none, or if a service needs it now or to go back to its last release.
    """
    del listener
    machine.require_write("secret rm")
    name = request.name
    with machine.store.lock(_LOCK, wait=_PATIENCE):
        versions = sorted(one for one in machine.secrets.versions() if one.name == name)
        if not versions:
            raise UsageError(
                f"Beacon keeps no secret {name!r}", hint="beacon secret list shows what there is"
            )
        needing = _Use(machine).needing(name)
        if needing:
            who = ", ".join(needing)
            hint = f"take it out of the definition first: beacon edit {needing[0]} --apply"
            raise UsageError(f"the secret {name!r} is used by {who}", hint=hint)
        for version in versions:
            machine.secrets.discard(version)
    return Secrets(secrets=(SecretInfo(name=name, version=versions[-1].number, services=()),))


def _require_fit(name: str, value: bytes) -> None:
    if not is_secret_name(name) or len(name) > _LONGEST_NAME:
        raise UsageError(f"{name!r} is no name of a secret", hint="letters, digits and _ . - make one")
    if not value:
        raise UsageError(f"the value of {name} is empty")
    if len(value) > LARGEST:
        raise UsageError(f"the value of {name} has more than {LARGEST:,} bytes", hint="mount a file instead")


def _keep(machine: Machine, use: _Use, there: Collection[SecretVersion], name: str, value: bytes) -> int:
    """Keep a value unless it is what it was, and discard what no release remembers; return its number.

    No release has ever had the number of a new one.
    """
    versions = sorted(one for one in there if one.name == name)
    if versions and _value(machine, versions[-1]) == value:
        return versions[-1].number
    remembered = use.remembered(name)
    number = max({one.number for one in versions} | remembered, default=0) + 1
    machine.secrets.keep(SecretVersion(name, number), value)
    for old in versions if use.is_whole else ():
        if old.number not in remembered:
            machine.secrets.discard(old)
    return number


def _value(machine: Machine, version: SecretVersion) -> bytes | None:
    """Return a value; None if it cannot be read any more, or Podman is too old to tell it."""
    with suppress(MachineError):
        return machine.secrets.value(version)
    return None
