"""Bringing a store up to date with what is to be published, whatever store it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from beacon.model.endpoints.written import Written


class Entry(Struct, frozen=True):
    """What a key is to say, and for how many seconds unless it is renewed; 0 is for ever."""

    value: str
    expire: int = 0


class Change(Struct, frozen=True):
    """One pass: keys that are written, keys that are right and only live on, keys that are deleted."""

    put: Mapping[str, Entry]
    renew: Mapping[str, Entry]
    delete: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.renew or self.delete)


class Publisher(Protocol):
    """A store that others read. Failures are BeaconErrors."""

    @property
    def where(self) -> str:
        """What the store is called, to people and in the record of keys; without a password."""

    def read(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return what the store says at *keys*, those that are there."""

    def write(self, change: Change) -> None:
        """Make all of *change*, as far as the store can in one transaction.

        A store that takes no more gets the rest all the same: what is down must not be found there. Keys
        that are to be renewed and have expired since they were read are written again.
        """


class Record(Protocol):
    """Remembers which keys this machine wrote to one store."""

    def load(self) -> Written:
        """Return what is remembered."""

    def save(self, written: Written) -> None:
        """Replace what is remembered; durable before it returns."""


def change(
    desired: Mapping[str, Entry], there: Mapping[str, str], written: Iterable[str], *, renew: bool = True
) -> Change:
    """Return what makes a store that says *there* say *desired*, and nothing else of this machine.

    Deleted is what this machine has *written* before, and nothing of others.
    """
    put = {key: entry for key, entry in desired.items() if there.get(key) != entry.value}
    kept = {key: entry for key, entry in desired.items() if key not in put} if renew else {}
    return Change(put, kept, tuple(sorted(set(written) - set(desired))))


def bring_up_to_date(
    publisher: Publisher, desired: Mapping[str, Entry], record: Record, *, renew: bool = True
) -> Change:
    """Have the store say *desired*; return what that took.

    Keys are on record before they are written, so that a kill leaves none unknown. Where a writing did not
    come to its end, all is written again: a file may be in place whose reader does not know yet.
    """
    written = record.load()
    there = publisher.read(desired.keys()) if written.complete and desired else {}
    coming = change(desired, there, written.keys, renew=renew)
    if coming.put:
        record.save(Written(publisher.where, tuple(sorted({*written.keys, *desired})), complete=False))
    if coming:
        publisher.write(coming)
    settled = Written(publisher.where, tuple(sorted(desired)))
    if coming.put or settled != written:  # a key that was right already is this machine's from now on
        record.save(settled)
    return coming
