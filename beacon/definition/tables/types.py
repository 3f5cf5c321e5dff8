"""The types of a definition's keys: what reads each, and its JSON Schema.

Imported only when something is decoded, because pydantic costs every process that imports it.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema

from beacon.definition.grammar import portspec, quantities, strings, values


class Problems(ValueError):  # noqa: N818 -- several faults of one table, on their way through pydantic
    """What is wrong with the keys of one table: (key, problem) pairs; an empty key is the table itself."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__("; ".join(problem for _, problem in problems))
        self.problems = problems


def words_schema() -> WithJsonSchema:
    """Return the JSON Schema of a string or a list of them."""
    return WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})


def whole_number(low: int, high: int) -> tuple[PlainValidator, WithJsonSchema]:
    """Return what reads a whole number between *low* and *high*, and its JSON Schema."""
    return (
        PlainValidator(partial(strings.integer, low=low, high=high)),
        WithJsonSchema({"type": "integer", "minimum": low, "maximum": high}),
    )


def either(*types: str) -> WithJsonSchema:
    """Return the JSON Schema of a value of one of *types*."""
    return WithJsonSchema({"type": list(types)})


def enumeration(
    choices: type[StrEnum],
) -> WithJsonSchema:
    """Return the JSON Schema of one of the words of *choices*."""
    return WithJsonSchema({"type": "string", "enum": [str(choice) for choice in choices]})


STRING = WithJsonSchema({"type": "string"})
_NUMBER_OR_STRING = either("string", "number")

Line = Annotated[str, PlainValidator(strings.line), STRING]
Word = Annotated[str, PlainValidator(strings.word), STRING]
Scalar = Annotated[str, PlainValidator(strings.scalar), either("string", "number", "boolean")]
Boolean = Annotated[bool, PlainValidator(strings.boolean), WithJsonSchema({"type": "boolean"})]
Duration = Annotated[float, PlainValidator(quantities.duration), _NUMBER_OR_STRING]
TimeOfCheck = Annotated[float, PlainValidator(values.time_of_check), _NUMBER_OR_STRING]
Size = Annotated[int, PlainValidator(quantities.size), either("string", "integer")]
Words = Annotated[tuple[str, ...], PlainValidator(strings.words), words_schema()]
PortNumber = Annotated[int, *whole_number(1, portspec.MAX_PORT)]
EnvName = Annotated[str, PlainValidator(strings.env_name), STRING]
AbsolutePath = Annotated[str, PlainValidator(strings.absolute_path), STRING]
MountPoint = Annotated[str, PlainValidator(strings.mount_point), STRING]
User = Annotated[str, PlainValidator(values.user), either("string", "integer")]
Directives = dict[
    Annotated[str, PlainValidator(values.directive_name), STRING],
    Annotated[tuple[str, ...], PlainValidator(values.directives), words_schema()],
]
EngineName = Annotated[
    str,
    PlainValidator(
        values.pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "a name of letters, digits, '_', '.' and '-'"),
    ),
    STRING,
]


class Table(BaseModel):
    """A table of a definition: no key that is not known, and no change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        """Return itself, which is frozen: pydantic copies the default of each table that is left out."""
        return self
