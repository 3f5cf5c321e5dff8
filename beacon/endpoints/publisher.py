"""Bringing a store up to date with what is to be published, whatever store it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Change:
    """One pass: keys that are written, each with its value, and keys that are deleted."""

    put: Mapping[str, str]
    delete: tuple[str, ...] = ()


class Publisher(Protocol):
    """A store that others read. Failures are BeaconErrors, and then nothing of the change was made."""

    @property
    def where(self) -> str:
        """What the store is called, to people and in the record of keys; without a password."""

    def key(self, service: str) -> str:
        """Return the key of what is published of *service*."""

    def write(self, change: Change) -> None:
        """Make all of *change*, or nothing of it."""


class Record(Protocol):
    """Remembers which keys this machine wrote."""

    def keys(self, where: str) -> Collection[str]:
        """Return the keys that were written to the store *where*."""

    def remember(self, where: str, keys: Iterable[str]) -> None:
        """Replace what is remembered of a store; durable before it returns."""


def change(
    publisher: Publisher, values: Mapping[str, str], services: Iterable[str], written: Iterable[str]
) -> Change:
    """Return what makes the store say *values* (by service), and nothing else of this machine.

    Deleted are the keys of the other *services*, and those that this machine has *written* for services that
    are gone.
    """
    put = {publisher.key(service): value for service, value in values.items()}
    stale = {*map(publisher.key, services), *written} - set(put)
    return Change(put, tuple(sorted(stale)))


def publish(publisher: Publisher, wanted: Change, record: Record) -> None:
    """Make the change. Keys are on record before they are written, so that a kill leaves none unknown."""
    where = publisher.where
    record.remember(where, sorted({*record.keys(where), *wanted.put}))
    publisher.write(wanted)
    record.remember(where, sorted(wanted.put))
