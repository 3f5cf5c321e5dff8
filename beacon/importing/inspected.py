"""Reading what engines answer to ``inspect``: nothing of it is certain to be there."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from beacon.definition.grammar import strings


class InspectedSection(Struct, frozen=True):
    """An object of the answer; what is not there is empty."""

    fields: Mapping[str, object]

    def value(self, key: str) -> object:
        """Return whatever is at *key*."""
        return self.fields.get(key)

    def at(self, key: str) -> InspectedSection:
        """Return the object at *key*."""
        found = self.fields.get(key)
        return InspectedSection(
            {str(name): value for name, value in found.items()} if isinstance(found, dict) else {}
        )

    def sections(self, key: str) -> list[InspectedSection]:
        """Return the objects of the list at *key*."""
        found = self.fields.get(key)
        return (
            [InspectedSection(item) for item in found if isinstance(item, dict)]
            if isinstance(found, list)
            else []
        )

    def text(self, key: str) -> str:
        """Return the string at *key*."""
        found = self.fields.get(key)
        return found if isinstance(found, str) else ""

    def number(self, key: str) -> int:
        """Return the whole number at *key*."""
        found = self.fields.get(key)
        return found if isinstance(found, int) and not isinstance(found, bool) else 0

    def words(self, key: str) -> list[str]:
        """Return the strings of the list at *key*; one string is its only word."""
        found = self.fields.get(key)
        if isinstance(found, str):
            return found.split() if found else []
        return [str(item) for item in found] if isinstance(found, list) else []

    def strings(self, key: str) -> dict[str, str]:
        """Return the strings of the object at *key*."""
        return {name: str(value) for name, value in self.at(key).fields.items()}


def same_signal(one: object, other: object) -> bool:
    """Say whether two spellings mean one signal: engines write numbers, images names."""
    try:
        return strings.signal_name(one) == strings.signal_name(other)
    except ValueError:
        return one == other


def nanoseconds(number: int) -> str:
    """Return a duration as compose writes it."""
    return f"{number / 1e9:g}s"
