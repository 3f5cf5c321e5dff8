"""Volumes that never had a name get one: in the definition, and with their data."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import MachineError, UsageError
from beacon.model.outcome import OutcomeKind
from beacon.operations.apply import ApplyRequest, apply
from beacon.operations.definitions.volumes import AdoptVolumesRequest, adopt_volumes
from beacon.wire.outcome import Outcomes
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push
from tests.fakes.terminal import Said, call

ID = "28ac" * 16
TEXT = f"""image = "registry.example/me/web:latest"

[[volume]]
path     = "/more"
external = '{ID}'   # precious
"""


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    """Return a machine with a service that has its data in a volume without a name."""
    machine = FakeMachine(volumes={ID: "precious"})
    made = StagedMachine(machine, tmp_path, push(machine, "1"))
    made.definition_path("web").parent.mkdir(parents=True)
    made.definition_path("web").write_text(TEXT)
    apply(made, ApplyRequest(), Recorder())
    return made


def ask(here: StagedMachine) -> Outcomes:
    return adopt_volumes(here, AdoptVolumesRequest(), Recorder())


def test_the_definition_names_them_and_the_data_is_copied(here: StagedMachine) -> None:
    (outcome,) = ask(here).services
    assert (outcome.service, outcome.kind) == ("web", OutcomeKind.UPDATED)
    assert here.definition_files()["web"] == TEXT.replace(f"external = '{ID}'", "name = 'more'")
    assert here.machine.volumes == {ID: "precious", "beacon-web-more": "precious"}
    assert ask(here).services == ()


def test_a_name_that_the_engine_has_is_not_taken(here: StagedMachine) -> None:
    here.machine.volumes["beacon-web-more"] = "another's"
    ask(here)
    assert here.machine.volumes["beacon-web-more-2"] == "precious"
    assert "name = 'more-2'" in here.definition_files()["web"]


def test_one_that_does_not_run_as_its_definition_says_is_left_alone(here: StagedMachine) -> None:
    other = TEXT.replace(ID, "11ac" * 16)
    here.definition_path("web").write_text(other)
    answer = ask(here)
    assert [notice.text for notice in answer.warnings] == [
        "web does not run as its definition says; beacon apply web first"
    ]
    assert here.definition_files()["web"] == other


def test_what_is_said_in_a_way_of_its_owners_is_left_to_them(here: StagedMachine) -> None:
    text = TEXT.replace(f"external = '{ID}'", f'external = """{ID}"""')
    here.definition_path("web").write_text(text)
    with pytest.raises(UsageError, match="it says external in a way of its own") as caught:
        ask(here)
    assert caught.value.hint == f'beacon edit web: name = "more" for external = "{ID}"; then beacon apply web'
    assert here.definition_files()["web"] == text


def test_what_is_in_the_way_is_said_before_it_is_begun(here: StagedMachine) -> None:
    here.machine.mounted[ID] = {"other": True}
    with pytest.raises(MachineError, match="is mounted by other as well"):
        ask(here)
    assert here.definition_files()["web"] == TEXT
    assert here.machine.volumes == {ID: "precious"}


def test_the_command_says_when_there_is_nothing_to_do(here: StagedMachine) -> None:
    def run(words: str) -> Said:
        return call(here, "definitions.volumes", f"adopt-volumes {words}")

    assert "web      changed" in run("").stdout
    again = run("web")
    assert (again.stdout, again.stderr) == ("", "every volume has a name\n")
    assert '"services": []' in run("--json").stdout
