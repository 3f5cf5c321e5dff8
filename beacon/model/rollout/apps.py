"""Apps as they are written down while they change."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

CHANGE_VERSION = 1
"""Of the form in which changes are written down; one that is higher is not understood."""


class AppVersion(Struct, frozen=True):
    """All that an installed app comes from."""

    record: str
    """The text of its owner's file."""
    manifest: str
    """The text of the manifest."""


class AppChange(Struct, frozen=True):
    """A change of an app under way: what is needed to finish or undo it after a kill at any instant."""

    name: str
    before: AppVersion | None
    """None if it is installed."""
    after: AppVersion | None
    """None if it is removed."""
    back: bool = False
    """Whether *before* is to be restored."""
    purge: bool = False
    """Whether its volumes and secrets go with it."""
    typed: Mapping[str, int] = field(default_factory=dict)
    """Secret that the owner typed → its newest version before; 0 for none."""
    kept: bool = True
    """Whether what was typed is kept; it is on no disk before."""
    version: int = CHANGE_VERSION


class FirstSteps(Struct, frozen=True):
    """What was done once an app was up for the first time; its data keeps that, also if it is removed."""

    done: tuple[str, ...] = ()
    """The ids of steps."""
    is_over: bool = False
    """Whether none is left to be tried again."""
