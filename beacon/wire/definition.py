"""Definitions, as answers have them."""

from __future__ import annotations

from msgspec import Struct

from beacon.wire.answer import Answer
from beacon.wire.outcome import Outcomes


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
