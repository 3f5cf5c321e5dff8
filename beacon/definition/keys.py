"""Services as flat lists of keys: which TOML key each field of the model is, and its value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from beacon.definition.grammar.quantities import format_duration
from beacon.definition.grammar.strings import key_path
from beacon.model.endpoints.network import Network
from beacon.model.parts.job import Job
from beacon.model.service import Endpoint, Port, Secret, Service, Volume

KEY_OF_FIELD = {
    "env_files": "env_file",
    "ports": "port",
    "volumes": "volume",
    "secrets": "secret",
    "endpoints": "endpoint",
    "jobs": "job",
}
"""Where the model has the plural of what the definition says."""

NO_KEYS = frozenset({"name", "given"})
"""Fields that are not written in the definition: its file's name, and what it set."""


def flatten(service: Service) -> dict[str, object]:
    """Return every key of *service* and its value: ``{"stop.timeout": 10.0, "env.A": "1"}``.

    Tables and maps are taken apart, lists are not, except for those of tables (``port[0]``). Empty maps and
    lists of tables yield nothing.
    """
    found: dict[str, object] = {}
    for item in fields(service):
        if item.name not in NO_KEYS:
            found.update(_flat(KEY_OF_FIELD.get(item.name, item.name), getattr(service, item.name)))
    return found


def default_of(key: str) -> object:
    """Return what *key* is when the definition does not say it; None for keys of maps and lists."""
    return _DEFAULTS.get(key)


def _flat(key: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield f"{key}.{key_path(inner)}", item
    elif key in {"port", "volume", "secret", "endpoint", "job"} and isinstance(value, tuple):
        for index, item in enumerate(value):
            yield f"{key}[{index}]", item
    elif isinstance(value, Struct) and key not in {"image", "platform"}:
        for inner_field in fields(value):
            yield from _flat(f"{key}.{inner_field.name}", getattr(value, inner_field.name))
    else:
        yield key, value


def _defaults() -> dict[str, object]:
    found: dict[str, object] = {}
    for item in fields(Service):
        if item.name not in NO_KEYS:
            found.update(_flat(KEY_OF_FIELD.get(item.name, item.name), _field_default(item)))
    return found


def _field_default(item: FieldInfo) -> object:
    if item.default_factory is not NODEFAULT:
        return item.default_factory()
    return None if item.default is NODEFAULT else item.default


_DEFAULTS = _defaults()


_NUMBERS = {"resources.cpus"}
"""Keys whose values are plain numbers; all other numbers with a fraction are durations."""


def value_text(key: str, value: object) -> str:
    """Return the *value* of *key* as ``beacon show --effective`` prints it: near to TOML, on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}" if key in _NUMBERS else format_duration(value)
        case tuple():
            return "[" + ", ".join(json.dumps(str(item), ensure_ascii=False) for item in value) + "]"
        case Mapping():
            return "{ " + ", ".join(f"{name} = {json.dumps(str(one))}" for name, one in value.items()) + " }"
        case Port() | Volume() | Secret() | Endpoint() | Network() | Job():
            return _inline(value)
        case _:
            return "" if value is None else str(value)


def _inline(value: Port | Volume | Secret | Endpoint | Network | Job) -> str:
    """Return an inline table, without what is left at its default."""
    said = [(item.name, getattr(value, item.name), _field_default(item)) for item in fields(value)]
    shown = ", ".join(
        f"{name} = {value_text(name, inner)}" for name, inner, default in said if inner != default
    )
    return f"{{ {shown} }}"
