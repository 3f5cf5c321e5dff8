"""Imports: definitions are made, and all of them are written or none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from beacon.engine.engines import Engines
from beacon.errors import DefinitionError, UsageError
from beacon.importing.compose.project import ComposeRequest
from beacon.importing.compose.reading.files import Source
from beacon.model.machine import Engine
from beacon.operations.importing.definitions import Command, ContainerByName, ImportRequest, import_
from beacon.wire.importing import Imports
from tests.fakes import foreign
from tests.fakes.here import Folders, Recorder, StagedMachine
from tests.fakes.machine import FakeMachine

FILES = {
    "/srv/shop/compose.yaml": """\
name: shop
services:
  web: {image: registry.example/me/web, ports: ["8080:80"], blkio_config: {weight: 300}}
  db: {image: registry.example/me/db}
"""
}
COMPOSE = ComposeRequest(("shop/compose.yaml",))
OLD = "fd" * 32


def ask(
    here: StagedMachine,
    what: ComposeRequest | Command | ContainerByName,
    *,
    writes: bool = True,
    overwrite: bool = False,
) -> Imports:
    source = Source(FILES.get, FILES.__contains__, {}, "/srv")
    request = ImportRequest(what=what, source=source, writes=writes, overwrite=overwrite)
    return import_(here, request, Recorder())


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    """Return a machine without services."""
    return StagedMachine(FakeMachine(), tmp_path)


def test_what_is_raw_goes_into_the_table_of_the_machine_s_engine(here: StagedMachine) -> None:
    privileged = Command("docker run --name other --privileged registry.example/me/other")
    (made,) = ask(here, privileged, writes=False).definitions
    assert '[podman]\nargs = ["--privileged"]' in made.text
    settings = here.paths.settings
    vars(here).update(engines=Engines(Engine.DOCKER, Folders(here.machine), here.scope, settings))
    answer = ask(here, privileged, writes=False)
    assert '[docker]\nargs = ["--privileged"]' in answer.definitions[0].text
    assert "[podman]" not in answer.definitions[0].text
    assert [note.text for note in answer.report if "args" in note.text] == [
        "as [docker] args --privileged, which Beacon does not check"
    ]


def test_a_project_becomes_definitions_and_nothing_is_started(here: StagedMachine) -> None:
    answer = ask(here, COMPOSE)
    assert answer.written == tuple(str(here.definition_path(name)) for name in ("web", "db"))
    assert {one.name: one.text for one in answer.definitions} == here.definition_files()
    assert ("web", "blkio_config.weight") in {(note.service, note.key) for note in answer.report}
    assert here.store.names() == ()


def test_what_is_only_asked_for_is_not_written(here: StagedMachine) -> None:
    answer = ask(here, Command("docker run --name my_web -p 80:80 registry.example/me/web"), writes=False)
    assert [one.name for one in answer.definitions] == ["my-web"]
    assert (answer.written, here.definition_files()) == ((), {})


def test_what_is_there_stays_unless_it_is_to_be_written_over(here: StagedMachine) -> None:
    ask(here, COMPOSE)
    with here.definition_path("db").open("a") as file:
        file.write('\n[env]\nOWN = "yes"\n')
    before = here.definition_files()
    with pytest.raises(UsageError, match=r"nothing is written: there is \S+db.toml already"):
        ask(here, COMPOSE)
    assert here.definition_files() == before
    ask(here, COMPOSE, overwrite=True)
    assert here.definition_files()["db"] != before["db"]


def test_what_contradicts_another_definition_is_not_written(here: StagedMachine) -> None:
    ask(here, Command("docker run --name other -p 8080:80 registry.example/me/other"))
    with pytest.raises(DefinitionError, match="8080"):
        ask(here, COMPOSE)
    assert set(here.definition_files()) == {"other"}


def test_a_container_is_read_and_left_as_it_is(here: StagedMachine) -> None:
    old = foreign.OldContainer("old", volumes={"/data": "kept", "/more": OLD}, paths=("/own",))
    here.containers.there["old"] = old
    answer = ask(here, ContainerByName("old", service="web"))
    assert {("Mounts", "changed"), ("diff", "dropped")} <= {(note.key, note.kind) for note in answer.report}
    assert 'external = "kept"' in here.definition_files()["web"]
    assert old.log == []


def test_what_another_engine_has_is_to_be_copied(here: StagedMachine) -> None:
    here.containers.there["old"] = foreign.OldContainer("old", engine="docker", volumes={"/data": "kept"})
    note = ask(here, ContainerByName("old"), writes=False).report[-1]
    assert (note.key, note.kind) == ("Mounts", "todo")
    assert note.command == "beacon import --container old --adopt"


def test_the_answer_keeps_its_fields(here: StagedMachine) -> None:
    said = msgspec.to_builtins(ask(here, COMPOSE))
    assert list(said) == ["version", "warnings", "definitions", "written", "report"]
    assert list(said["definitions"][0]) == ["name", "text", "origin"]
    assert list(said["report"][0]) == ["service", "key", "kind", "text", "command"]
