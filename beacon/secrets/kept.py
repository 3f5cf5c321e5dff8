"""The secrets of one scope of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from beacon.model.machine import Engine, Scope
from beacon.rollout.sharing.secrets import Secrets
from beacon.secrets.machine import MachineSecrets
from beacon.secrets.podman import PodmanSecrets
from beacon.secrets.user import UserSecrets


def kept_secrets(scope: Scope, engine: Engine, folder: Path, environment: Mapping[str, str]) -> Secrets:
    """Return them: a user's are Podman's; the machine's are in *folder*, and lent to Podman if it is used."""
    podman = PodmanSecrets(environment)
    if scope is Scope.USER:
        return UserSecrets(podman)
    return MachineSecrets(folder, podman if engine is Engine.PODMAN else None)
