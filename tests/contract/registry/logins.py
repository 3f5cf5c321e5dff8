"""Logins as the files of podman and docker hold them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from beacon.registry.settings.credentials import CredentialStore


def encoded(login: str) -> str:
    """Return ``user:password`` as auth.json holds it."""
    return base64.b64encode(login.encode()).decode()


def stored(folder: Path, **logins: str) -> CredentialStore:
    """Return a store with one login a host, from an auth.json in *folder*."""
    return stored_entries(folder, {host: {"auth": encoded(login)} for host, login in logins.items()})


def stored_entries(folder: Path, auths: dict[str, dict[str, str]]) -> CredentialStore:
    """Return a store with those entries."""
    path = folder / "auth.json"
    path.write_text(json.dumps({"auths": auths}))
    return CredentialStore.load({"REGISTRY_AUTH_FILE": str(path)}, folder, 0)
