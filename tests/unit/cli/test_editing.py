"""beacon edit as a face: what the editor leaves is saved if it is in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from beacon.definition.decode import decode
from beacon.definition.stub import stub
from beacon.errors import DefinitionError, MachineError, UsageError
from beacon.programs import choose_editor
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push
from tests.fakes.terminal import Said, call

TEXT = 'image = "registry.example/me/web:latest"\n'


class Editing:
    """A machine with one definition, at a terminal where *editor* is set."""

    def __init__(self, folder: Path) -> None:
        self.fake = FakeMachine()
        self.machine = StagedMachine(self.fake, folder, push(self.fake, "1"))
        self.definition = self.machine.definition_path("web")
        self.definition.parent.mkdir(parents=True)
        self.definition.write_text(TEXT)

    def edit(self, editor: str, *words: str) -> Said:
        return call(self.machine, "definitions.edit", " ".join(("edit web", *words)), VISUAL=editor)

    def new(self, editor: str, words: str) -> Said:
        return call(self.machine, "definitions.edit", f"new {words}", VISUAL=editor)


@pytest.fixture
def here(tmp_path: Path) -> Editing:
    return Editing(tmp_path)


def test_what_is_in_order_is_saved(here: Editing) -> None:
    done = here.edit("sed -i s/latest/2/")
    assert f"saved {here.definition}; beacon apply web makes it so" in done.output
    assert here.definition.read_text() == TEXT.replace("latest", "2")
    assert here.fake.load("web").live is None


def test_it_is_applied_if_that_is_asked_for(here: Editing) -> None:
    done = here.edit("sed -i '$a description = \"mine\"'", "--apply")
    assert (done.exit_code, here.fake.load("web").live) == (0, 1)
    assert "installed" in done.output


def test_without_a_change_nothing_is_done(here: Editing) -> None:
    assert "nothing has changed" in here.edit("true").output


@pytest.mark.parametrize(
    ("editor", "problem"),
    [
        ("false", "the editor 'false' ended with status 1; nothing was saved"),
        ("/nosuch", "cannot run the editor '/nosuch': No such file or directory"),
        ("'", 'cannot run the editor "\'": No closing quotation'),
    ],
)
def test_an_editor_that_fails_is_told(here: Editing, editor: str, problem: str) -> None:
    error = here.edit(editor).exception
    assert isinstance(error, MachineError)
    assert (error.message, error.hint) == (problem, "choose another by the variable EDITOR")


@pytest.mark.parametrize(
    ("there", "chosen"), [(("vi", "nano"), "nano"), (("vi", "sensible-editor"), "sensible-editor")]
)
def test_without_one_that_is_set_the_first_that_there_is_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], chosen: str
) -> None:
    for name in there:
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_editor({}) == chosen
    assert choose_editor({"EDITOR": "ed"}) == "ed"


def test_a_machine_without_an_editor_is_told_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sensible-editor").touch(0o755)  # which comes with Debian, and starts one of the others
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="no editor") as caught:
        choose_editor({})
    assert caught.value.hint == "apt install nano"


@pytest.mark.parametrize("editor", ["sed -i s/image/imagine/", r"sed -i 's/latest/\xff/'"])
def test_what_is_faulty_is_not_saved(here: Editing, editor: str) -> None:
    error = here.edit(editor).exception
    assert isinstance(error, DefinitionError)
    assert error.hint == "nothing was saved"
    assert here.definition.read_text() == TEXT


def test_a_new_one_begins_with_what_most_services_need(here: Editing) -> None:
    done = here.new("sed -i s/^#networks/networks/", "shop registry.example/me/shop:1")
    path = here.machine.definition_path("shop")
    assert f"saved {path}; beacon apply shop makes it so" in done.output
    text = stub("shop", "registry.example/me/shop:1")
    assert path.read_text() == text.replace("#networks", "networks")


def test_a_new_one_is_applied_if_that_is_asked_for(here: Editing) -> None:
    done = here.new("true", "shop registry.example/me/shop:1 --apply")
    assert (done.exit_code, here.fake.load("shop").live) == (0, 1)


def test_a_new_one_needs_an_image(here: Editing) -> None:
    error = here.new("true", "shop").exception
    assert isinstance(error, DefinitionError)
    assert not here.machine.definition_path("shop").exists()
    assert here.new(f"cp {here.definition}", "shop").exit_code == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("web", "there is a service 'web' already"),
        ("Shop", "a service name must be of a-z"),
        ("shop shop", "cannot define shop: must name its registry"),
    ],
)
def test_what_cannot_be_a_new_one_is_told_before_the_editor_opens(
    here: Editing, words: str, problem: str
) -> None:
    error = here.new("false", words).exception
    assert isinstance(error, UsageError)
    assert problem in error.message


def test_one_that_came_meanwhile_is_not_written_over(here: Editing) -> None:
    path = here.machine.definition_path("shop")
    editor = path.parent / "editor"
    editor.write_text(f"#!/bin/sh\ncp {here.definition} {path}\n")
    editor.chmod(0o755)
    error = here.new(str(editor), "shop registry.example/me/shop").exception
    assert isinstance(error, UsageError)
    assert error.message == "there is a service 'shop' already"
    assert path.read_text() == TEXT


def test_all_that_the_comments_suggest_is_in_order() -> None:
    text = re.sub(r"^#(?=[a-zA-Z\[])", "", stub("web", "registry.example/me/web"), flags=re.MULTILINE)
    service = decode(text, name="web", file="web.toml")
    assert service.needs == ("database",)
    assert (service.env, service.resources.memory) == ({"GREETING": "hello"}, 512 << 20)
    assert service.ports
    assert service.volumes
    assert service.secrets
    assert service.health.http is not None
