"""As much of a machine as a run over its services takes; each part is made when it is first asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Protocol

from beacon.model.machine import MachineFacts
from beacon.model.notice import Notice
from beacon.model.runtime import Unwell
from beacon.rollout.checking.news import CheckStore
from beacon.rollout.ports import Engines, Registry, StateStore
from beacon.rollout.tools import Tools

if TYPE_CHECKING:  # a run that finds nothing new does not load them
    from beacon.rollout.following.rollouts import Rollouts
    from beacon.rollout.following.unfollowed import Unfollowed


class Remembered(StateStore, CheckStore, Protocol):
    """What is remembered."""


class Units(Protocol):
    """The folders of unit files."""

    def strangers(self, known: Collection[str]) -> Collection[str]:
        """Return the services that have a main file of Beacon's, and are not *known*."""


class Definitions(Protocol):
    """What the folder of definitions says."""

    @property
    def texts(self) -> Mapping[str, str]:
        """Name → text of those that can be read."""

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the owner should know of the others."""


class Machine(Protocol):
    """The machine in one scope."""

    @property
    def store(self) -> Remembered:
        """What is remembered."""

    @property
    def units(self) -> Units:
        """The folders of unit files."""

    @property
    def registry_on_demand(self) -> Registry:
        """The client for all registries."""

    @property
    def facts(self) -> MachineFacts:
        """What rendering needs to know of the machine; the engine takes a moment to say its version."""

    @property
    def engines(self) -> Engines:
        """The chosen engine, and what still runs on another."""

    def known_names(self) -> Collection[str]:
        """Return the services that are defined or remembered."""

    def definitions(self) -> Definitions:
        """Return what the folder of definitions says."""

    def unwell(self) -> Unwell:
        """Return Beacon's units that are down, or fail again and again."""

    def rollouts_for(self, tools: Tools) -> Rollouts:
        """Return what rolls out in *tools*."""

    def unfollowed_for(self, tools: Tools) -> Unfollowed:
        """Return what has services followed again of which nothing is remembered."""
