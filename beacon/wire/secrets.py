"""Secrets, as answers have them: never a value."""

from __future__ import annotations

from msgspec import Struct

from beacon.wire.answer import Answer
from beacon.wire.outcome import OutcomeInfo


class SecretInfo(Struct, frozen=True, kw_only=True):
    """One secret, and who uses it."""

    name: str
    version: int | None
    """The newest; None if Beacon keeps none of that name, and a definition asks for it."""
    services: tuple[str, ...]
    """Those whose definitions name it."""
    behind: tuple[str, ...] = ()
    """Those of them that run with an older version."""


class Secrets(Answer, frozen=True, kw_only=True):
    """All secrets of one scope."""

    secrets: tuple[SecretInfo, ...]


class SecretsKept(Answer, frozen=True, kw_only=True):
    """What is kept by now, and what came of the services that were given it."""

    kept: tuple[SecretInfo, ...]
    unchanged: tuple[str, ...] = ()
    """Names whose values are what they were."""
    outcomes: tuple[OutcomeInfo, ...] = ()
