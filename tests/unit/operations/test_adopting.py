"""Containers are adopted with all their data, or are as they were, whatever comes between."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import ExitStatus, UsageError
from beacon.importing.compose.reading.files import Source
from beacon.model.outcome import OutcomeKind
from beacon.model.unit import SERVICE_LABEL
from beacon.operations.importing.adopt import AdoptRequest, adopt
from beacon.operations.importing.definitions import ContainerByName
from beacon.operations.importing.ending import end_adoptions
from beacon.operations.listener import Carried, Note
from beacon.wire.importing import Adopted
from tests.fakes import foreign
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import Behaviour, FakeMachine, KilledError
from tests.fakes.stage import push

ID = "28ac" * 16
NO_FILES = Source(lambda _: None, lambda _: False, {}, "/")


def staged(folder: Path, behaviour: Behaviour = "good") -> tuple[StagedMachine, FakeMachine]:
    """Return a machine with a volume that never had a name, and a registry with one image."""
    machine = FakeMachine(volumes={ID: "precious"})
    return StagedMachine(machine, folder, push(machine, "1", behaviour)), machine


def old_on(here: StagedMachine) -> foreign.OldContainer:
    """Have a container on that volume."""
    old = foreign.OldContainer("old", volumes={"/data": ID}, restart="always")
    here.containers.there["old"] = old
    return old


def ask(here: StagedMachine, listener: Recorder | None = None, *, discards: bool = False) -> Adopted:
    request = AdoptRequest(ContainerByName("old"), NO_FILES, discards)
    return adopt(here, request, listener or Recorder())


def is_as_it_was(here: StagedMachine, machine: FakeMachine, old: foreign.OldContainer) -> bool:
    """Say whether the container runs as before, and nothing is left of the try."""
    rest = (here.definition_files(), machine.saved, machine.files, machine.noted)
    return old.runs and not any(rest) and machine.volumes == {ID: "precious"}


def test_the_service_has_the_data_and_the_container_goes_last(tmp_path: Path) -> None:
    here, machine = staged(tmp_path)
    old, listener = old_on(here), Recorder()
    answer = ask(here, listener)
    assert (answer.stands, answer.status) == (True, ExitStatus.OK)
    assert [(one.service, one.kind) for one in answer.services] == [("old", OutcomeKind.INSTALLED)]
    assert old.log == ["let lie", "remove"]
    assert machine.volumes == {ID: "precious", "beacon-old-data": "precious"}
    assert not machine.noted
    assert isinstance(listener.heard[0], Carried)
    logged = [note.text for note in listener.heard if isinstance(note, Note)]
    assert logged[0] == "stopping the container old"
    assert logged[-1] == f"podman keeps what it had in {ID}"


def test_the_image_is_on_the_disk_whole_before_the_container_is_stopped(tmp_path: Path) -> None:
    here, machine = staged(tmp_path)
    old = old_on(here)
    old.effect = machine.effect
    ask(here)
    verbs = [effect.split()[0] for effect in machine.effects]
    assert {"mark", "pull", "flush", "unmark"} <= set(verbs[: verbs.index("let")])
    assert verbs.count("pull") == 1


def test_a_container_whose_service_does_not_stand_is_put_back(tmp_path: Path) -> None:
    here, machine = staged(tmp_path, "exits")
    old = old_on(here)
    answer = ask(here)
    assert (answer.stands, answer.status) == (False, ExitStatus.FAILURE)
    assert answer.warnings[-1].text == "old is not healthy; the container old is as it was"
    assert old.log == ["let lie", "bring back always"]
    assert is_as_it_was(here, machine, old)
    assert len([*here.paths.removed.rglob("old.toml")]) == 1


def test_what_would_be_lost_is_refused_while_the_container_runs(tmp_path: Path) -> None:
    here, machine = staged(tmp_path)
    old = old_on(here)
    old.paths = ("/own", "/var/file")
    with pytest.raises(UsageError, match="in no volume would go with it: /own, /var/file") as caught:
        ask(here)
    assert "podman cp old:/own ." in str(caught.value.hint)
    assert (old.log, is_as_it_was(here, machine, old)) == ([], True)
    assert ask(here, discards=True).stands


def test_what_others_have_is_refused(tmp_path: Path) -> None:
    here, machine = staged(tmp_path)
    old = old_on(here)
    old.labels[SERVICE_LABEL] = "web"
    with pytest.raises(UsageError, match="old is Beacon's already: service web"):
        ask(here)
    old.labels.clear()
    here.definition_path("old").parent.mkdir(parents=True)
    here.definition_path("old").write_text('image = "registry.example/me/other"\n')
    with pytest.raises(UsageError, match="there is a service 'old' already"):
        ask(here)
    here.definition_path("old").unlink()
    assert (old.log, is_as_it_was(here, machine, old)) == ([], True)


def test_what_it_writes_when_it_ends_is_not_lost_either(tmp_path: Path) -> None:
    here, machine = staged(tmp_path)
    old, listener = old_on(here), Recorder()
    old.last_words = ("/last",)
    with pytest.raises(UsageError, match="would go with it: /last"):
        ask(here, listener)
    assert listener.heard[-1] == Note("old", "the container old is as it was")
    assert is_as_it_was(here, machine, old)


@pytest.mark.parametrize("behaviour", ["good", "exits"])
def test_killed_at_any_instant_the_next_run_ends_it(tmp_path: Path, behaviour: Behaviour) -> None:
    ended: list[bool] = []
    for instant in range(200):
        folder = tmp_path / str(instant)
        here, machine = staged(folder, behaviour)
        old = old_on(here)
        old.effect = machine.effect
        machine.kill_at = instant
        try:
            ask(here)
        except KilledError:
            pass
        else:
            break
        again = StagedMachine(machine.copy(), folder)
        old.effect = again.machine.effect
        again.containers.there["old"] = old
        assert end_adoptions(again, Recorder()) == () or not old.is_gone
        assert not again.machine.noted
        ended.append(old.is_gone)
        if old.is_gone:
            assert again.machine.volumes["beacon-old-data"] == "precious"
            assert again.store.load("old").live == 1
        else:
            assert is_as_it_was(again, again.machine, old), instant
    assert len(ended) > 10
    assert set(ended) == ({True, False} if behaviour == "good" else {False})


def test_one_that_is_under_way_is_left_alone(tmp_path: Path) -> None:
    here, machine = staged(tmp_path)
    old_on(here)
    machine.kill_at = 9  # the image is there
    with pytest.raises(KilledError):
        ask(here)
    machine.kill_at = None
    with here.store.lock("old.adoption"):
        assert end_adoptions(here, Recorder()) == ()
    assert machine.noted
