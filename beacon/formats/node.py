"""Values of a file, each with where it stands."""

from __future__ import annotations

from typing import Self

from msgspec import Struct


class Place(Struct, frozen=True):
    """Where a value stands: *line* 0 is no line, *label* is what its owner calls it where it is no key."""

    file: str
    line: int = 0
    label: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class WrittenInt(int):
    """A whole number that remembers how the file wrote it: a mode ``0440`` stays ``0440``."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Make the number of its text."""
        digits = text.lstrip("+-").replace("_", "")
        is_octal = digits[:1] == "0" and digits.isdecimal()
        number = super().__new__(cls, text.replace("_", ""), 8 if is_octal else 0)
        number.text = text
        return number


Scalar = str | int | float | bool | None
Tree = Scalar | dict[str, "Node"] | list["Node"]


class Node(Struct, frozen=True):
    """A value of a file: a scalar, a mapping or a list; *tag* is a tag of its own (``!reset``)."""

    value: Tree
    place: Place
    tag: str = ""

    def get(self, key: str) -> Node | None:
        """Return what a mapping has at *key*."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def with_value(self, value: Tree) -> Node:
        """Return the same place with another value."""
        return Node(value, self.place, self.tag)


def plant(value: object, place: Place) -> Node:
    """Return plain data as nodes that all stand at *place*."""
    match value:
        case dict():
            return Node({str(key): plant(item, place) for key, item in value.items()}, place)
        case list() | tuple():
            return Node([plant(item, place) for item in value], place)
        case str() | int() | float() | None:
            return Node(value, place)
        case _:
            raise TypeError(f"cannot plant {value!r}")
