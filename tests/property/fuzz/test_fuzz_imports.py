"""Compose files, .env, commands and containers of any kind: definitions come of them, or every fault."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon.errors import BeaconError, DefinitionError
from beacon.formats.node import Place, plant
from beacon.importing.command import import_command
from beacon.importing.compose.importer import import_compose
from beacon.importing.compose.project import ComposeRequest
from beacon.importing.compose.reading.dotenv import parse_env, parse_plain_env
from beacon.importing.compose.reading.files import Source
from beacon.importing.flags import VALUES
from beacon.importing.node import Item, Log
from beacon.importing.result import Imported
from tests.property.fuzz.strange import DOCUMENTS, LONG, TEXTS, as_json, deep, tables

TOP = ["name", "version", "services", "networks", "volumes", "secrets", "configs", "include", "x-more"]
KEYS = [
    *("image", "build", "command", "entrypoint", "environment", "env_file", "ports", "volumes", "networks"),
    *("depends_on", "restart", "healthcheck", "deploy", "user", "working_dir", "labels", "logging", "init"),
    *("ulimits", "sysctls", "tmpfs", "devices", "cap_add", "secrets", "configs", "extra_hosts", "dns"),
    *("mem_limit", "cpus", "shm_size", "stop_grace_period", "stop_signal", "privileged", "hostname", "links"),
    *("extends", "profiles", "expose", "pid", "ipc", "network_mode", "security_opt", "platform", "scale"),
]


def taken(text: str, more: Mapping[str, str] | None = None) -> Imported:
    """Import *text* as a compose file, with *more* files beside it; what comes of it can be written."""
    files = {"/srv/compose.yaml": text, **(more or {})}
    source = Source(files.get, files.__contains__, {"HOME": "/root"}, "/srv")
    imported = import_compose(ComposeRequest(("compose.yaml",)), source, {})
    for definition in imported.definitions:
        definition.text.encode()
    return imported


def projects() -> st.SearchStrategy[dict[str, Any]]:
    """Return projects with a service, whose keys have any value."""
    service = tables(KEYS).map(lambda found: {"image": "me/web:1", **found})
    return st.tuples(tables(TOP), st.dictionaries(TEXTS, service, min_size=1, max_size=2)).map(
        lambda both: {**both[0], "services": both[1]}
    )


@settings(max_examples=400)
@given(projects() | DOCUMENTS, st.text())
def test_a_compose_file_is_taken_or_refused(project: object, variables: str) -> None:
    with suppress(DefinitionError):
        taken(as_json(project), {"/srv/.env": variables})


@settings(max_examples=200)
@given(st.text())
def test_any_text_is_taken_or_refused(text: str) -> None:
    with suppress(DefinitionError):
        taken(text)


@pytest.mark.parametrize(
    "text",
    [
        deep("[", "]"),
        deep("{a: ", "}", "b"),
        deep("- "),
        'services: {web: {image: "\\ud800"}}',
        'services: {"\\udfff": {image: web}}',
        "services: {web: {image: web, environment: {A: '${A" + "${A" * 5000 + "'}}}",
    ],
)
def test_what_is_too_deep_or_no_text_is_a_fault(text: str) -> None:
    with pytest.raises(DefinitionError):
        taken(text)


@pytest.mark.parametrize(
    "key", ["mem_limit", "cpus", "scale", "stop_grace_period", "user", "ports", "oom_score_adj"]
)
@pytest.mark.parametrize(
    "number", [LONG, f"0x{'f' * 5000}", f"{LONG}.{LONG}", f"1e{LONG}", f"'{LONG}'", ".inf"]
)
def test_a_long_number_is_taken_or_refused(key: str, number: str) -> None:
    with suppress(DefinitionError):
        taken(f"services: {{web: {{image: web, {key}: {number}, deploy: {{replicas: {number}}}}}}}")


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e308, 10**30])
def test_a_long_number_of_an_engine_is_taken_or_refused(value: float) -> None:
    log = Log()
    found = Item(plant(value, Place("a container")), ("PidsLimit",), log).integer()
    assert found is not None or log.faults


@settings(max_examples=200)
@given(st.text() | st.lists(TEXTS).map("\n".join))
def test_variables_are_read_or_refused(text: str) -> None:
    parse_plain_env(text, {"A": "b"})
    with suppress(ValueError):
        parse_env(text, {"A": "b"})


FLAGS = st.sampled_from(
    [f"--{flag}" for flag in VALUES] + ["-v", "-p", "-e", "--health-cmd", "--ulimit", "--mount"]
)


@settings(max_examples=300)
@given(st.lists(st.tuples(FLAGS, TEXTS).map(" ".join) | TEXTS, max_size=5))
def test_a_command_is_taken_or_refused(words: list[str]) -> None:
    files: dict[str, str] = {}
    source = Source(files.get, files.__contains__, {"HOME": "/root"}, "/srv")
    with suppress(BeaconError):
        imported = import_command("docker run " + " ".join([*words, "me/web:1"]), source, None)
        assert [definition.text.encode() for definition in imported.definitions]
