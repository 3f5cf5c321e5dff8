"""The reference is complete: example file, JSON Schema and manual page."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import Struct
from msgspec.structs import fields

from beacon.definition.decode import decode, json_schema
from beacon.definition.example import example
from beacon.definition.keys import KEY_OF_FIELD, NO_KEYS
from beacon.model import service as model
from beacon.model.parts.job import Job
from beacon.model.parts.raw import RawDocker, RawPodman
from beacon.model.service import Service

MANUAL = Path(__file__).parents[3] / "docs" / "beacon.toml.5.md"

TABLES: dict[str, type[Struct]] = {
    "": Service,
    "port": model.Port,
    "endpoint": model.Endpoint,
    "volume": model.Volume,
    "secret": model.Secret,
    "capabilities": model.Capabilities,
    "resources": model.Resources,
    "health": model.Health,
    "health.http": model.HttpProbe,
    "restart": model.Restart,
    "stop": model.Stop,
    "update": model.UpdatePolicy,
    "hooks": model.Hooks,
    "job": Job,
    "podman": RawPodman,
    "docker": RawDocker,
}
PORT_KEYS = {"host_port": "host", "host_ip": "host", "count": "container"}
"""Fields of a port that share a key."""

Schema = dict[str, object]


def keys_of(table: str) -> set[str]:
    """Return the keys that the model wants of *table*."""
    names = {item.name for item in fields(TABLES[table])}
    if table == "":
        return {KEY_OF_FIELD.get(name, name) for name in names - NO_KEYS}
    return {PORT_KEYS.get(name, name) for name in names} if table == "port" else names


def written(document: dict[str, object], table: str) -> set[str]:
    """Return the keys of *table* in the example, whichever of an array's tables has them."""
    here: Any = document
    for part in table.split(".") if table else []:
        here = here[part]
    rows = cast("list[dict[str, object]]", here if isinstance(here, list) else [here])
    return {key for row in rows for key in row}


def schema_tables() -> Iterator[tuple[str, Schema]]:
    schema = cast("dict[str, Schema]", json_schema())
    yield "", schema["properties"]
    for name, table in schema["$defs"].items():
        yield name, cast("Schema", cast("Schema", table)["properties"])


def test_the_example_is_a_definition() -> None:
    shop = decode(example(), name="shop", file="example.toml")
    assert shop.image.tag == "1.4"


def test_every_table_of_the_model_is_walked() -> None:
    classes = {
        item
        for item in vars(model).values()
        if isinstance(item, type) and issubclass(item, Struct) and item is not Struct
    }
    own = {item for item in classes if item.__module__.startswith((model.__name__, "beacon.model.parts."))}
    assert own == set(TABLES.values())


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_example_has_every_key_of_the_model(table: str) -> None:
    # The alternatives to health.http are comments, because a check is one of them.
    text = re.sub(r"^# (\w+ = .*#)", r"\1", example(), flags=re.MULTILINE)
    assert keys_of(table) == written(tomllib.loads(text), table)


def test_every_line_of_the_example_that_has_a_key_says_what_it_means() -> None:
    maps, header, seen, silent = {"[env]", "[labels]", "[hosts]", "[sysctls]", "[ulimits]"}, "", set(), []
    for line in example().splitlines():
        if line.startswith("["):
            header = line.partition(" ")[0]
        key = (header, line.partition(" ")[0])
        free = header in maps or header.startswith(("[podman.", "[docker."))
        if " = " in line and not free and "#" not in line and key not in seen:
            silent.append(line)
        seen.add(key)
    assert silent == []


def test_the_schema_knows_the_same_keys() -> None:
    assert keys_of("") == set(dict(schema_tables())[""])


def test_every_key_of_the_schema_has_a_description() -> None:
    silent = [
        f"{table}.{key}"
        for table, properties in schema_tables()
        for key, value in properties.items()
        if not {"description", "$ref"} & set(cast("Schema", value))
    ]
    assert silent == []


def test_the_schema_has_no_null_which_toml_cannot_say() -> None:
    assert "null" not in str(json_schema())


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_manual_page_explains_every_key(table: str) -> None:
    text = MANUAL.read_text(encoding="utf-8")
    terms = set(re.findall(r"^\*\*([\w.\[\]]+)\*\*", text, flags=re.MULTILINE))
    prefix = f"{table}." if table else ""
    assert {f"{prefix}{key}" for key in keys_of(table)} - terms == set()
