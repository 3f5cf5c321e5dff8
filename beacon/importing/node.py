"""What is read, with where it stands: every value of an import knows its file, line and name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct

from beacon.definition.grammar import strings
from beacon.errors import Fault
from beacon.formats.node import Node, Place, Tree, WrittenInt
from beacon.model.notice import NoteKind

_Value = TypeVar("_Value")

_TRUTH = {
    **dict.fromkeys(("true", "yes", "on", "y", "1"), True),
    **dict.fromkeys(("false", "no", "off", "n", "0"), False),
}


class ImportNote(Struct, frozen=True):
    """One line of the report: *service* is "" for what concerns the project, *command* is to be pasted."""

    service: str
    key: str
    kind: NoteKind
    text: str
    command: str = ""


@dataclass(slots=True)
class Log:
    """What is found while something is read: faults stop the import, notes are its report."""

    faults: list[Fault] = field(default_factory=list)
    notes: list[ImportNote] = field(default_factory=list)
    _unset: dict[Place, list[str]] = field(default_factory=dict)
    _spoilt: set[Place] = field(default_factory=set)

    def fault(self, place: Place, key: str, problem: str) -> None:
        """Remember a fault, once; nothing more of what is spoilt by one."""
        if place in self._spoilt:
            return
        if place.line and place in self._unset:
            names = ", ".join(f"${name}" for name in self._unset[place])
            problem = f"{problem}; {names} is set nowhere, and is empty"
        found = Fault(str(place), key, problem)
        if found not in self.faults:
            self.faults.append(found)

    def spoil(self, place: Place) -> None:
        """Say that the value there is none, which was noted: what follows of it is no news."""
        self._spoilt.add(place)

    def unset(self, place: Place, name: str) -> None:
        """Remember a variable that has no value; a fault of what stands there says so too."""
        names = self._unset.setdefault(place, [])
        if name not in names:
            names.append(name)
        text = "is set nowhere, and is empty now; set it in .env or give it a default: ${NAME:-default}"
        self.note(ImportNote("", f"${name}", NoteKind.CHANGED, text))

    def note(self, note: ImportNote) -> None:
        """Remember a note, once."""
        if note not in self.notes:
            self.notes.append(note)


class Item(Struct, frozen=True):
    """A value that is being read: it knows its path, and where to note what is wrong with it."""

    node: Node
    path: tuple[str | int, ...]
    log: Log
    service: str = ""

    @property
    def key(self) -> str:
        """What the owner calls it: a path of keys, or a flag."""
        return self.node.place.label or strings.key_path(*self.path)

    @property
    def short_key(self) -> str:
        """The same below its service."""
        match self.path:
            case ("services", _, *inside) if inside:
                return self.node.place.label or strings.key_path(*inside)
            case _:
                return self.key

    @property
    def value(self) -> Tree:
        """The value."""
        return self.node.value

    @property
    def is_null(self) -> bool:
        """Whether nothing is given."""
        return self.node.value is None

    def below(self, node: Node, key: str | int) -> Item:
        """Return the item of a value within this one."""
        return Item(node, (*self.path, key), self.log, self.service)

    def fault(self, problem: str) -> None:
        """Remember what is wrong."""
        self.log.fault(self.node.place, self.key, problem)

    def note(self, kind: NoteKind, text: str, command: str = "") -> None:
        """Remember what became of it."""
        self.log.note(ImportNote(self.service, self.short_key, kind, text, command))

    def drop(self, text: str, command: str = "") -> None:
        """Say that it is not carried over, and why."""
        self.note(NoteKind.DROPPED, text, command)

    def change(self, text: str, command: str = "") -> None:
        """Say that it means something else now."""
        self.note(NoteKind.CHANGED, text, command)

    def todo(self, text: str, command: str = "") -> None:
        """Say what its owner has to do."""
        self.note(NoteKind.TODO, text, command)

    def note_raw(self, *arguments: str) -> None:
        """Say that it is carried as arguments that Beacon does not check."""
        words = " ".join(arguments)
        self.note(NoteKind.RAW, f"as [podman] args {words}, which Beacon does not check")

    def read(self, parser: Callable[[object], _Value]) -> _Value | None:
        """Return what *parser* makes of the value; None where it refuses, which is a fault."""
        try:
            return parser(self.plain())
        except ValueError as fault:
            self.fault(str(fault))
            return None

    def plain(self) -> object:
        """Return the value as plain data."""
        match self.value:
            case dict() as fields:
                return {key: self.below(node, key).plain() for key, node in fields.items()}
            case list() as nodes:
                return [self.below(node, index).plain() for index, node in enumerate(nodes)]
            case scalar:
                return scalar

    def text(self) -> str | None:
        """Return a scalar as compose reads it: numbers lose zeros that mean nothing."""
        match self.value:
            case bool() | str() as scalar:
                return strings.scalar(scalar)
            case int() as number:
                return str(int(number))
            case float() as number:
                return go_float(number)
            case dict() | list() | None:
                self.fault(f"must be a string, not {strings.shown(self.plain())}")
                return None

    def written(self) -> str | None:
        """Return a scalar as its file writes it: the mode 0440, not the number 288."""
        return self.value.text if isinstance(self.value, WrittenInt) else self.text()

    def boolean(self) -> bool:
        """Return true or false; the strings that variables leave are understood."""
        if isinstance(self.value, bool):
            return self.value
        if isinstance(self.value, str) and self.value.lower() in _TRUTH:
            return _TRUTH[self.value.lower()]
        self.fault(f"must be true or false, not {strings.shown(self.plain())}")
        return False

    def number(self) -> float | None:
        """Return a number; the strings that variables leave are understood."""
        value = None if isinstance(self.value, bool | dict | list) else self.value
        try:
            return _refuse() if value is None else float(value)
        except (ValueError, OverflowError):
            self.fault(f"must be a number, not {strings.shown(self.plain())}")
            return None

    def integer(self) -> int | None:
        """Return a whole number."""
        found = self.number()
        if found is not None and not found.is_integer():
            self.fault(f"must be a whole number, not {strings.shown(self.plain())}")
            return None
        return None if found is None else int(found)

    def each(self) -> Iterator[Item]:
        """Yield the items of a list; nothing of what is empty."""
        if isinstance(self.value, list):
            yield from (self.below(node, index) for index, node in enumerate(self.value))
        elif not self.is_null:
            self.fault(f"must be a list, not {strings.shown(self.plain())}")

    def one_or_each(self) -> Iterator[Item]:
        """Yield the items of a list, or the one that stands for itself."""
        if isinstance(self.value, str):
            yield self
        else:
            yield from self.each()

    def fields(self) -> Mapping[str, Item]:
        """Return the values of a mapping by key, without the extensions (``x-``)."""
        if isinstance(self.value, dict):
            return {
                key: self.below(node, key) for key, node in self.value.items() if not key.startswith("x-")
            }
        if not self.is_null:
            self.fault(f"must be a mapping, not {strings.shown(self.plain())}")
        return {}

    def pairs(self) -> Mapping[str, Item]:
        """Return the values of a mapping, or of a list of ``KEY=VALUE``; without ``=`` a value is null."""
        if not isinstance(self.value, list):
            return self.fields()
        found: dict[str, Item] = {}
        for item in self.each():
            line = item.text()
            if line is not None:
                key, equals, value = line.partition("=")
                found[key] = Item(
                    item.node.with_value(value if equals else None),
                    (*self.path, key),
                    self.log,
                    self.service,
                )
        return found

    def require(self, fields: Mapping[str, Item], *known: str) -> None:
        """Say which of *fields* nobody knows; none of them is dropped in silence."""
        for key, item in fields.items():
            if key not in known:
                item.drop(f"not known to Beacon{strings.did_you_mean(key, list(known))}")


def go_float(number: float) -> str:
    """Return a number as Go's shortest form has it, which is what compose puts into variables."""
    if not math.isfinite(number):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(number, "NaN")
    exact = Decimal(repr(float(number))).normalize()
    if exact and not _LEAST <= exact.adjusted() < _MOST:
        mantissa, _, exponent = f"{exact:e}".partition("e")
        return f"{mantissa}e{int(exponent):+03d}"
    return f"{exact:f}"


_LEAST, _MOST = -4, 6
"""Powers of ten between which a number is written out."""


def _refuse() -> float:
    raise ValueError
