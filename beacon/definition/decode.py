"""TOML → services: every fault of every file at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import cast

from pydantic import ValidationError

from beacon.definition import rules
from beacon.definition.conflicts import Precedence
from beacon.definition.convert import to_service
from beacon.definition.grammar import strings
from beacon.definition.names import validate_name, validate_new_name
from beacon.definition.schema import ServiceTable, TomlSchema
from beacon.definition.tables.validation import validation_problems
from beacon.errors import DefinitionError, Fault
from beacon.model.service import Service

Document = dict[str, object]

_PLACEHOLDER = "localhost/beacon-placeholder"
"""Stands in for an image that is missing or wrong, so that the other keys can still be judged."""

_WHERE = re.compile(r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", re.DOTALL)


def decode(text: str, *, name: str, file: str) -> Service:
    """Return the service *name* that *text* defines; DefinitionError holds every fault, under *file*."""
    service, faults = _decode(text, name, file)
    if faults or service is None:
        raise DefinitionError(faults)
    return service


def decode_all(
    files: Mapping[str, str],
    known: Mapping[str, Service] | None = None,
    precedence: Precedence | None = None,
) -> tuple[Service, ...]:
    """Return the services of *files* (path → text), sorted by name; a file's stem is its service's name.

    *known* are services, by name, that were read out of the same texts before: reading takes most of the time
    of commands about many. *precedence* says who gives way in a conflict. DefinitionError holds the faults of
    all files, and those between them.
    """
    known, precedence = known or {}, precedence or Precedence()
    faults: list[Fault] = []
    services: dict[str, Service] = {}
    unread: list[str] = []
    for file in sorted(files):
        name = PurePath(file).stem
        service, found = (known[name], []) if name in known else _decode(files[file], name, file)
        faults += found or _new_name_faults(name, file, precedence)
        if service is None:
            unread.append(name)
        else:
            services[file] = service
    faults += rules.cross_faults(services, precedence, also_defined=unread)
    if faults:
        raise DefinitionError(faults)
    return tuple(sorted(services.values(), key=lambda service: service.name))


def _new_name_faults(name: str, file: str, precedence: Precedence) -> list[Fault]:
    if precedence.remembered is None or name in precedence.remembered:
        return []
    problem = validate_new_name(name)
    return [Fault(file, "", problem)] if problem else []


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of a definition."""
    schema = ServiceTable.model_json_schema(schema_generator=TomlSchema)
    return {"$schema": TomlSchema.schema_dialect, **schema, "title": "beacon.toml"}


def _decode(text: str, name: str, file: str) -> tuple[Service | None, list[Fault]]:
    """Return what can be judged of the service (None: nothing), and all that is wrong."""
    problem = validate_name(name)
    faults = [Fault(file, "", problem)] if problem else []
    try:
        document = _parse(text)
    except ValueError as fault:
        return None, [*faults, Fault(file, "", str(fault))]
    service, problems = _validate(name, document)
    if "\\u0000" in text or "\\U00000000" in text:
        problems += _nul_problems(document)
    if service is not None:
        problems += rules.service_problems(service)
    faults += (Fault(file, key, what) for key, what in dict.fromkeys(problems))
    return service, faults


def _parse(text: str) -> Document:
    text = text.removeprefix("\ufeff")  # editors of Windows begin a file with it
    try:
        return tomllib.loads(text, parse_float=strings.WrittenFloat)
    except tomllib.TOMLDecodeError as fault:
        raise ValueError(_syntax_problem(str(fault), text)) from None
    except RecursionError:
        raise ValueError("has arrays or tables too deep within each other") from None
    except ValueError:  # int() takes 4,300 digits
        raise ValueError("has a whole number that is too long") from None


def _syntax_problem(message: str, text: str) -> str:
    match = _WHERE.match(message)
    what = match["what"] if match else message
    line = int(match["line"]) if match and match["line"] else text.rstrip("\n").count("\n") + 1
    return f"line {line} is not TOML: {what[:1].lower()}{what[1:]}"


def _validate(name: str, document: Document) -> tuple[Service | None, list[rules.Problem]]:
    try:
        return to_service(name, ServiceTable.model_validate(document), _given(document)), []
    except ValidationError as fault:
        problems = list(validation_problems(fault, document, ServiceTable))
        wrong = {str(details["loc"][0]) for details in fault.errors(include_url=False)}
    sound = {key: value for key, value in document.items() if key not in wrong}
    sound.setdefault("image", _PLACEHOLDER)
    return to_service(name, ServiceTable.model_validate(sound), _given(sound)), problems


def _given(document: Document) -> tuple[str, ...]:
    paths: list[str] = []
    for key, value in document.items():
        if isinstance(value, dict):
            paths.extend(strings.key_path(key, inner) for inner in cast("Document", value))
        else:
            paths.append("restart.policy" if key == "restart" else key)
    return tuple(sorted(paths))


def _nul_problems(value: object, *path: str | int) -> Iterator[rules.Problem]:
    """Yield the strings that hold a NUL, which no process can be given."""
    match value:
        case str():
            if "\0" in value:
                yield strings.key_path(*path), "must not hold a NUL character, which no unit file can"
        case dict():
            for key, item in cast("Document", value).items():
                yield from _nul_problems(item, *path, key)
        case list():
            for index, item in enumerate(cast("list[object]", value)):
                yield from _nul_problems(item, *path, index)
        case _:
            pass
