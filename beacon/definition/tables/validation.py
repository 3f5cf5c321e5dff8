"""What pydantic refuses of a document, in the words of Beacon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar, get_args, get_origin

from pydantic import ValidationError

from beacon.definition.grammar import strings
from beacon.definition.tables.types import Problems, Table

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_Path = tuple[str | int, ...]
T = TypeVar("T", bound=Table)

_OTHER_WORDS = {
    "cap_add": "capabilities",
    "cap_drop": "capabilities",
    "cmd": "command",
    "depends_on": "needs",
    "environment": "env",
    "extra_hosts": "hosts",
    "group_add": "groups",
    "healthcheck": "health",
    "mem_limit": "resources",
    "stop_signal": "stop",
    "working_dir": "workdir",
}
"""What compose files call the same, where the spelling is not near."""

_KINDS = {
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be an array",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def validated(root: type[T], document: Mapping[str, object]) -> tuple[T | None, tuple[tuple[str, str], ...]]:
    """Return *document* as a *root*, or None and what is wrong with it."""
    try:
        return root.model_validate(document), ()
    except ValidationError as fault:
        return None, tuple(validation_problems(fault, document, root))


def validation_problems(
    fault: ValidationError, document: Mapping[str, object], root: type[Table]
) -> Iterator[tuple[str, str]]:
    """Yield the keys of *document* that pydantic refused for *root*, each with what is wrong with it."""
    for details in fault.errors(include_url=False):
        path = _existing(details["loc"], document, missing=details["type"] == "missing")
        error = details.get("ctx", {}).get("error")
        if isinstance(error, Problems):
            for key, what in error.problems:
                yield strings.key_path(*path, *([key] if key else [])), what
        else:
            yield strings.key_path(*path), _sentence(details, error, path, root)


def _existing(loc: _Path, document: Mapping[str, object], *, missing: bool) -> _Path:
    """Return *loc* as far as the file has it: pydantic also names the branches of its own models."""
    here: object = document
    for depth, part in enumerate(loc):
        if isinstance(here, dict) and part in here:
            here = here[part]
            continue
        if isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
            continue
        return loc[: depth + 1] if missing else loc[:depth]
    return loc


def _sentence(details: ErrorDetails, error: object, path: _Path, root: type[Table]) -> str:
    match details["type"]:
        case "value_error":
            return str(error)
        case "missing":
            return "must be given"
        case "extra_forbidden":
            return f"unknown key{_suggestion(str(path[-1]), _known_keys(path[:-1], root))}"
        case "greater_than":
            return f"must be greater than {details['ctx']['gt']}, not {strings.shown(details['input'])}"
        case kind:
            return f"{_KINDS.get(kind, details['msg'])}, not {strings.shown(details['input'])}"


def _suggestion(word: str, known: list[str]) -> str:
    meant = _OTHER_WORDS.get(word)
    return f"; did you mean {meant!r}?" if meant in known else strings.did_you_mean(word, known)


def _known_keys(table: _Path, root: type[Table]) -> list[str]:
    """Return the keys of the table at a path."""
    return list(table_at(table, root).model_fields)


def table_at(path: _Path, root: type[Table]) -> type[Table]:
    """Return the model of the table at *path* of a document of *root*."""
    model = root
    is_named = False
    for key in path:
        if is_named or not isinstance(key, str):  # a name of the owner's, or a place in a list
            is_named = False
            continue
        annotation = model.model_fields[key].annotation
        is_named = get_origin(annotation) is dict
        model = _table_in(annotation) or model
    return model


def _table_in(annotation: object) -> type[Table] | None:
    candidates = (annotation, *get_args(annotation))
    return next((found for found in candidates if isinstance(found, type) and issubclass(found, Table)), None)
