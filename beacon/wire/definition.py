"""Definitions and secrets, as answers have them; of a secret never the value."""

from __future__ import annotations

from msgspec import Struct

from beacon.wire.answer import Answer
from beacon.wire.outcome import OutcomeInfo, Outcomes


class DefinitionText(Answer, frozen=True, kw_only=True):
    """The definition of one service, as its owner wrote it."""

    name: str
    file: str
    text: str


class EffectiveValue(Struct, frozen=True, kw_only=True):
    """One value that a service runs with, and where it comes from."""

    key: str
    value: str
    source: str


class EffectiveDefinition(Answer, frozen=True, kw_only=True):
    """A definition with what the image adds."""

    name: str
    values: tuple[EffectiveValue, ...]
    notes: tuple[str, ...]


class Added(Outcomes, frozen=True, kw_only=True):
    """What became of a new service."""

    domain: str
    """The domain that was chosen for it; empty if it asked for none."""


class Removed(Outcomes, frozen=True, kw_only=True):
    """What became of services that were to go."""

    definitions: tuple[str, ...]
    """Where the definitions of those that are gone are kept."""


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


class PrunableInfo(Struct, frozen=True, kw_only=True):
    """Something that nothing needs; *removed* is whether it is gone now."""

    kind: str
    """image, volume, secret or copy."""
    name: str
    service: str
    """Whose it was; empty if that is not known."""
    size: int | None = None
    removed: bool = False


class Pruned(Answer, frozen=True, kw_only=True):
    """What can go, and what is gone."""

    items: tuple[PrunableInfo, ...]

    @property
    def reclaimable(self) -> int:
        """How many bytes are known to go with what is there still."""
        return sum(one.size or 0 for one in self.items if not one.removed)
