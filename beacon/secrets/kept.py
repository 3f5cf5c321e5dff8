"""The secrets of one scope of this machine."""

from __future__ import annotations

from pathlib import Path

from beacon.engine.docker import Docker
from beacon.engine.podman import Podman
from beacon.model.machine import Scope
from beacon.rollout.sharing.secrets import Secrets
from beacon.secrets.machine import MachineSecrets
from beacon.secrets.user import UserSecrets


def kept_secrets(scope: Scope, engine: Podman | Docker, folder: Path) -> Secrets:
    """Return them: a user's are Podman's; the machine's are in *folder*, and lent to Podman if it is used."""
    podman = engine if isinstance(engine, Podman) else None
    if scope is Scope.USER and podman is not None:
        return UserSecrets(podman)
    return MachineSecrets(folder, podman)
