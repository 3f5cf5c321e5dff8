"""What the words of `beacon import` ask for, and how its answer is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beacon.errors import UsageError
from beacon.state.store import Adoption
from tests.fakes.foreign import OldContainer
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push
from tests.fakes.terminal import Said, call

RUN = "--run 'docker run --name web --blkio-weight 300 registry.example/me/web'"
COMPOSE = """\
name: shop
services:
  web: {image: "registry.example/me/web:$TAG", profiles: [more]}
  db: {image: registry.example/me/db}
"""


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    """Return a machine without services."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "tags").write_text("TAG=5\n")
    machine = FakeMachine()
    return StagedMachine(machine, tmp_path, push(machine, "1"))


def run(here: StagedMachine, words: str) -> Said:
    return call(here, "definitions.importing", f"import {words}")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "say what to import"),
        (f"compose.yaml {RUN}", "say what to import"),
        (f"{RUN} --container old", "say what to import"),
        ("compose.yaml --adopt", "--adopt and --engine need --container"),
        (f"{RUN} --engine docker", "--adopt and --engine need --container"),
        ("--container old --adopt --dry-run", "--adopt excludes --dry-run and --output"),
        ("--container old --adopt --output x", "--adopt excludes --dry-run and --output"),
        ("--container old --discard-layer", "--discard-layer needs --adopt"),
        ("compose.yaml --name other", "--name is for --run and --container"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    here: StagedMachine, words: str, problem: str
) -> None:
    error = run(here, words).exception
    assert isinstance(error, UsageError)
    assert error.message.startswith(problem)


def test_the_report_is_the_answer_and_the_rest_goes_to_stderr(here: StagedMachine) -> None:
    done = run(here, RUN)
    path = here.definition_path("web")
    assert done.stdout.startswith("web:\n  restart: changed: ")
    assert done.stderr == (
        f"wrote {path}\nbeacon plan web shows what would be done, beacon apply web does it\n"
    )


def test_a_dry_run_shows_the_definitions_and_writes_nothing(here: StagedMachine) -> None:
    done = run(here, f"{RUN} --dry-run")
    assert done.stdout.startswith("# web.toml\n")
    assert "  --blkio-weight: carried unchecked: " in done.stderr
    assert not here.definition_files()


def test_definitions_are_written_to_a_folder_of_the_owners(here: StagedMachine, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    said = json.loads(run(here, f"{RUN} --output {folder} --json").stdout)
    assert said["written"] == [str(folder / "web.toml")]
    assert (folder / "web.toml").read_text() == said["definitions"][0]["text"]
    (folder / "web.toml").write_text("# mine\n")
    assert isinstance(run(here, f"{RUN} --output {folder}").exception, UsageError)
    assert not run(here, f"{RUN} --output {folder} --overwrite").exception
    assert not here.definition_files()


def test_the_first_word_is_the_file_unless_files_are_named(here: StagedMachine, tmp_path: Path) -> None:
    def made(words: str) -> set[str]:
        options = f"--env-file {tmp_path}/tags --dry-run --json"
        said = json.loads(run(here, f"{words} {options}").stdout)
        return {definition["name"] for definition in said["definitions"]}

    file = f"{tmp_path}/compose.yaml"
    assert made(file) == {"db"}
    assert made(f"{file} --profile more") == {"db", "web"}
    assert made(f"{file} web") == made(f"web -f {file}") == {"web"}


def test_an_adoption_is_told_as_it_goes_and_what_came_of_it(here: StagedMachine) -> None:
    here.containers.there["old"] = OldContainer("old", paths=("/own",))
    done = run(here, "--container old --adopt --discard-layer")
    assert done.stdout.startswith("SERVICE  OUTCOME    DETAIL\nold      installed  release 1, ")
    assert "old:\n  diff: not carried over: /own" in done.stderr
    assert "old: stopping the container old\n" in done.stderr
    assert (done.exit_code, here.containers.there["old"].is_gone) == (0, True)
    assert done.stderr.endswith("old: the container old is removed; its data is the service's now\n")


def test_an_adoption_that_fails_exits_with_a_failure(tmp_path: Path) -> None:
    machine = FakeMachine()
    here = StagedMachine(machine, tmp_path, push(machine, "1", "exits"))
    here.containers.there["old"] = old = OldContainer("old")
    done = run(here, "--container old --adopt --json")
    said = json.loads(done.stdout)
    assert (done.exit_code, said["stands"], old.runs) == (1, False, True)
    assert said["warnings"][0]["text"] == "old is not healthy; the container old is as it was"


def test_adoptions_that_were_interrupted_are_ended_without_a_container(here: StagedMachine) -> None:
    here.machine.noted["old"] = Adoption("old", "old", "podman", was_running=True)
    here.containers.there["old"] = OldContainer("old", runs=False)
    assert run(here, "--adopt").exit_code == 0
    assert (here.containers.there["old"].runs, here.machine.noted) == (True, {})
