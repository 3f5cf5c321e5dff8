"""What nothing needs can go, and what anybody may need stays, whatever is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.release import Release, ServiceState
from beacon.model.sensitive import SecretVersion
from beacon.model.service import Volume
from beacon.operations.definitions.prune import PruneRequest, prunable, prune
from beacon.wire.definition import Pruned
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import candidate, digest, push, service


class Engine:
    """The volumes of the machine in memory, and all else of it."""

    def __init__(self, machine: FakeMachine) -> None:
        self.machine = machine
        self.made: dict[str, str] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self.machine, name)

    def volumes(self) -> Mapping[str, str]:
        return {name: of for name, of in self.made.items() if name in self.machine.volumes}

    def volume_sizes(self, service: str, others: Iterable[str]) -> Mapping[str, int | None]:
        assert not service
        return dict.fromkeys(others, 4096)

    def users(self, volume: str) -> Mapping[str, bool]:
        return self.machine.users(volume)

    def remove_volume(self, name: str) -> None:
        self.machine.remove_volume(name)


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    """Return a machine with a service web at its third release, and remains of one that is gone."""
    fake = FakeMachine()
    staged = StagedMachine(fake, tmp_path)
    for folder in (staged.paths.definitions, staged.paths.runtime):
        folder.mkdir(parents=True)
    staged.keep_secrets()
    vars(staged).update(engine=Engine(fake))
    releases = []
    for number in (1, 2, 3):
        image = push(fake, str(number))
        releases.append(replace(candidate(fake, image), number=number))
        fake.local[f"localhost/beacon/web:{number}"] = image.config.image_id
    fake.local["localhost/beacon/gone:4"] = digest("gone")
    fake.local["docker.io/library/debian:13"] = digest("debian")
    remember(fake, releases)
    staged.definition_path("web").write_text('image = "registry.example/me/web:latest"\n')
    return staged


def remember(fake: FakeMachine, releases: list[Release]) -> None:
    fake.saved["web"] = ServiceState("web", live=3, previous=2, releases=tuple(releases))


def volume(here: StagedMachine, name: str, of: str) -> None:
    here.machine.volumes[name] = "data"
    vars(here)["engine"].made[name] = of


def names(answer: Pruned, *, removed: bool = False) -> list[str]:
    return [one.name for one in answer.items if one.removed or not removed]


def everything(here: StagedMachine) -> PruneRequest:
    found = prunable(here, Recorder()).items
    kinds = {
        kind: tuple(one.name for one in found if one.kind == kind) for kind in ("volume", "secret", "copy")
    }
    return PruneRequest(images=True, volumes=kinds["volume"], secrets=kinds["secret"], copies=kinds["copy"])


def test_what_can_go_is_shown_and_nothing_is_changed(here: StagedMachine) -> None:
    volume(here, "beacon-gone-data", "gone")
    before = dict(here.machine.local)
    answer = prunable(here, Recorder())
    assert names(answer) == ["gone release 4", "web release 1", "beacon-gone-data"]
    assert [one.size for one in answer.items] == [None, None, 4096]
    assert answer.reclaimable == 4096
    assert (here.machine.local, here.machine.volumes) == (before, {"beacon-gone-data": "data"})


def test_images_go_but_for_those_of_the_live_and_the_former_release(here: StagedMachine) -> None:
    answer = prune(here, PruneRequest(images=True), Recorder())
    assert names(answer, removed=True) == ["gone release 4", "web release 1"]
    assert set(here.machine.local) == {
        "localhost/beacon/web:2",
        "localhost/beacon/web:3",
        "docker.io/library/debian:13",
    }
    assert answer.warnings == ()


def test_volumes_go_by_name_alone(here: StagedMachine) -> None:
    for name in ("beacon-gone-data", "beacon-gone-more"):
        volume(here, name, "gone")
    here.machine.volumes["mine"] = "data"
    assert names(prune(here, PruneRequest(images=True), Recorder()), removed=True)
    assert set(here.machine.volumes) == {"beacon-gone-data", "beacon-gone-more", "mine"}
    answer = prune(here, PruneRequest(volumes=("beacon-gone-data", "mine", "other")), Recorder())
    assert names(answer, removed=True) == ["beacon-gone-data"]
    assert set(here.machine.volumes) == {"beacon-gone-more", "mine"}


def test_a_volume_that_anybody_has_to_do_with_stays(here: StagedMachine) -> None:
    for name in ("mounted", "named", "remembered", "of-web", "free"):
        volume(here, name, "web" if name == "of-web" else "gone")
    here.machine.mounted["mounted"] = {"stranger": False}
    here.definition_path("broken").write_text('image = 3\n# [[volume]] external = "named"\n')
    fake = here.machine
    mounting = service(volumes=(Volume("/data", external="remembered"),))
    remember(fake, [replace(one, service=mounting) for one in fake.saved["web"].releases])
    assert [one.name for one in prunable(here, Recorder()).items if one.kind == "volume"] == ["free"]
    request = PruneRequest(volumes=tuple(fake.volumes))
    assert set(names(prune(here, request, Recorder()), removed=True)) == {"free"}
    assert set(fake.volumes) == {"mounted", "named", "remembered", "of-web"}


def test_a_volume_that_a_service_has_by_the_time_it_would_go_stays(here: StagedMachine) -> None:
    volume(here, "beacon-gone-data", "gone")
    request = everything(here)
    here.definition_path("gone").write_text('image = "registry.example/me/web:latest"\n')
    answer = prune(here, request, Recorder())
    assert "beacon-gone-data" not in names(answer, removed=True)
    assert "beacon-gone-data" in here.machine.volumes


def test_an_engine_that_refuses_is_told_and_hinders_nothing_else(here: StagedMachine) -> None:
    class Refusing(Engine):
        def remove_volume(self, name: str) -> None:
            raise MachineError(f"{name} is in use")

    engine = Refusing(here.machine)
    vars(here).update(engine=engine)
    volume(here, "beacon-gone-data", "gone")
    answer = prune(here, everything(here), Recorder())
    assert [one.text for one in answer.warnings] == [
        "beacon-gone-data is not deleted: beacon-gone-data is in use"
    ]
    assert "web release 1" in names(answer, removed=True)


def test_secrets_and_copies_go_by_name_if_nothing_uses_them(here: StagedMachine) -> None:
    for name in ("used", "kept", "free", "mentioned"):
        here.secrets.keep(SecretVersion(name, 1), b"word")
    here.definition_path("web").write_text(
        'image = "registry.example/me/web:latest"\nsecret = [{ name = "used", env = "WORD" }]\n'
    )
    here.definition_path("broken").write_text('image = 3\n# name = "mentioned"\n')
    fake = here.machine
    remember(fake, [replace(one, secrets={"kept": 1}) for one in fake.saved["web"].releases])
    copy = here.paths.removed / "20261121T120000Z"
    copy.mkdir(parents=True)
    (copy / "old.toml").write_text("")
    other = here.paths.removed / "mine"
    other.mkdir()
    found = {one.kind: one.name for one in prunable(here, Recorder()).items if one.kind in {"secret", "copy"}}
    assert found == {"secret": "free", "copy": str(copy)}
    request = PruneRequest(secrets=("free", "used", "kept"), copies=(str(copy), str(other), "/etc"))
    assert names(prune(here, request, Recorder()), removed=True) == ["free", str(copy)]
    assert {one.name for one in here.secrets.versions()} == {"used", "kept", "mentioned"}
    assert (copy.exists(), other.exists()) == (False, True)
