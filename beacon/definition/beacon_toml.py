"""The machine's own configuration, /etc/beacon/beacon.toml; imported where there is such a file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

from beacon.definition.endpoints.domains import domain_name
from beacon.definition.grammar.portspec import host_port
from beacon.definition.grammar.quantities import duration
from beacon.definition.grammar.strings import absolute_path, did_you_mean, integer, shown
from beacon.definition.grammar.values import one_of
from beacon.definition.notifying import decode_targets
from beacon.definition.publishing import decode_publications
from beacon.definition.settings import Settings
from beacon.errors import ConfigError
from beacon.model.machine import Engine, PortRange
from beacon.model.notifying.target import Target
from beacon.model.service import Apply

_UNPRIVILEGED = 1024
_ENGINES = ("auto", *(engine.value for engine in Engine))


def _engine(value: object) -> Engine | None:
    if value not in _ENGINES:
        raise ValueError(f'must be "auto", "podman" or "docker", not {shown(value)}')
    return None if value == "auto" else Engine(str(value))


def _ports(value: object) -> PortRange:
    ip, first, count = host_port(value)
    if ip or first is None or first < _UNPRIVILEGED:
        raise ValueError(f'must be a range of ports from 1024 on such as "20000-29999", not {shown(value)}')
    return PortRange(first, first + count - 1)


_MAX_BASE = 200
"""Leaves room for the name below it."""


def _base_domain(value: object) -> str:
    name = domain_name(value)
    if name.startswith("*.") or len(name) > _MAX_BASE:
        raise ValueError(f"must be a domain such as 'apps.example.org', not {shown(value)}")
    return name


_PARSERS: dict[str, Callable[[object], object]] = {
    "engine": _engine,
    "auth_file": absolute_path,
    "ports": _ports,
    "base_domain": _base_domain,
    "update.apply": one_of(Apply),
    "registry.deadline": duration,
    "registry.reserve": lambda value: integer(value, 0, 1_000_000),
}


def decode_settings(text: str, *, file: str) -> Settings:
    """Return the settings of *text*; ConfigError names every faulty key."""
    document = _parse(text, file)
    values: dict[str, Any] = {}
    publish, problems = decode_publications(document.pop("publish", {}))
    notify, wrong = decode_targets(document.pop("notify", {}))
    faults = [f"{file}: {problem}" for problem in (*problems, *wrong)]
    for key, value in _flat(document):
        if key not in _PARSERS:
            faults.append(f"{file}: {key}: unknown key{did_you_mean(key, list(_PARSERS))}")
            continue
        try:
            values[key.replace(".", "_")] = _PARSERS[key](value)
        except ValueError as error:
            faults.append(f"{file}: {key}: {error}")
    if faults:
        raise ConfigError("\n".join(faults), hint="beacon.toml(5) lists the keys")
    return Settings(**values, publish=publish, notify=notify)


def decode_notify(text: str, *, file: str) -> tuple[Target, ...]:
    """Return the targets of *text* that have no fault, whatever is wrong with all else.

    So that they can be notified of it. Raises ConfigError if it is no TOML.
    """
    return decode_targets(_parse(text, file).get("notify", {}))[0]


def _parse(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ConfigError(f"{file}: has arrays or tables too deep within each other") from None
    except ValueError as error:  # also of a number with more digits than int() takes
        raise ConfigError(f"{file}: {error}") from error


def _flat(document: dict[str, object]) -> list[tuple[str, object]]:
    """Return the keys of one level of tables as dotted keys."""
    pairs: list[tuple[str, object]] = []
    for key, value in document.items():
        if isinstance(value, dict):
            pairs += [(f"{key}.{inner}", one) for inner, one in value.items()]
        else:
            pairs.append((key, value))
    return pairs
