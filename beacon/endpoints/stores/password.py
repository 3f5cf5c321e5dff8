"""Passwords of stores, from beacon.toml or a file of their own."""

from __future__ import annotations

from pathlib import Path

from beacon.errors import AccessError, ConfigError
from beacon.model.endpoints.publication import EtcdAccess, RedisAccess


def without(words: str, password: str | None) -> str:
    """Return the *words* of a store without the password: it may repeat what it was sent."""
    return words.replace(password, "…") if password else words


def password_of(access: RedisAccess | EtcdAccess) -> str | None:
    """Return the password; the file is read each time, so that a new one needs no restart."""
    file = access.password_file
    if file is None:
        return access.password.reveal() if access.password is not None else None
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\n")
    except PermissionError as error:
        raise AccessError(f"only root may read password_file {file}", hint="run this with sudo") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"cannot read password_file {file}: {reason}") from error
