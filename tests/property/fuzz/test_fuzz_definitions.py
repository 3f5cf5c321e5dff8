"""Definitions and beacon.toml of any text: they are read, or refused with every fault."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon.definition.beacon_toml import decode_settings
from beacon.definition.decode import decode
from beacon.definition.encode import encode, new_definition
from beacon.definition.notifying import PARSERS
from beacon.definition.schema import ServiceTable
from beacon.errors import ConfigError, DefinitionError
from tests.property.fuzz.strange import LONG, NUMBERS, TEXTS, deep, tables

SERVICE_KEYS = sorted(ServiceTable.model_fields)
INNER_KEYS = sorted(
    {
        key
        for field in ServiceTable.model_fields.values()
        for key in getattr(field.annotation, "model_fields", ())
    }
    | {"path", "name", "host", "container", "port", "domain", "env", "external", "options", "protocol"}
)
SETTINGS = ["engine", "auth_file", "ports", "base_domain", "registry", "publish", "notify"]
NOTIFYING = ["phone", *PARSERS]
PUBLISHING = ["deadline", "reserve", "redis", "etcd", "traefik", "file", "url", "path", "mode", "ttl", "name"]


def as_toml(value: object) -> str:
    """Return *value* as TOML of one line; null, which TOML has not, as an empty string."""
    match value:
        case dict():
            return (
                "{" + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
            )
        case list():
            return "[" + ", ".join(map(as_toml, value)) + "]"
        case None:
            return '""'
        case bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def lines(keys: list[str], inner: list[str]) -> st.SearchStrategy[str]:
    """Return files with a line for each of some keys."""
    values = TEXTS | NUMBERS | st.booleans() | tables(inner) | st.lists(tables(inner) | TEXTS, max_size=3)
    return st.dictionaries(st.sampled_from(keys), values, max_size=6).map(
        lambda found: "".join(f"{key} = {as_toml(value)}\n" for key, value in found.items())
    )


@settings(max_examples=400)
@given(lines(SERVICE_KEYS, INNER_KEYS) | st.text())
def test_a_definition_is_read_or_refused(text: str) -> None:
    with suppress(DefinitionError):
        text = 'image = "me/web:1"\n' + text if "image" not in text else text
        service = decode(text, name="web", file="web.toml")
        assert decode(encode(service), name="web", file="web.toml") == service


@settings(max_examples=200)
@given(lines(SETTINGS, PUBLISHING) | lines(SETTINGS, NOTIFYING) | st.text())
def test_settings_are_read_or_refused(text: str) -> None:
    with suppress(ConfigError):
        decode_settings(text, file="beacon.toml")


@pytest.mark.parametrize(
    "value", [LONG, f"-{LONG}", f"{LONG}.0", deep("[", "]"), deep("{a=", "}", "1"), deep("a.", "", "b=1")]
)
def test_what_is_too_long_or_too_deep_is_a_fault(value: str) -> None:
    with pytest.raises(DefinitionError):
        decode(f'image = "me/web:1"\nshm_size = {value}\n', name="web", file="web.toml")
    with pytest.raises(ConfigError):
        decode_settings(f"registry.reserve = {value}\n", file="beacon.toml")


@settings(max_examples=200)
@given(TEXTS, st.lists(TEXTS, max_size=2), st.lists(TEXTS, max_size=2), st.lists(TEXTS, max_size=2))
def test_what_is_added_is_written_or_refused(
    image: str, ports: list[str], volumes: list[str], domains: list[str]
) -> None:
    with suppress(ValueError):
        text = new_definition("web", image, ports=ports, volumes=volumes, domains=domains)
        with suppress(DefinitionError):
            decode(text, name="web", file="web.toml")
