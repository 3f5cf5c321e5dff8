"""What Podman says is understood: its answers were recorded on test hosts of Debian 12 and 13."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from beacon.engine.podman import Podman
from beacon.errors import MachineError, RegistryError
from beacon.model.machine import EngineVersion
from beacon.model.reference import Digest, ImageReference
from tests.contract.engine.conftest import StandIn, calls

ANSWERS = Path(__file__).parent / "podman"
MANIFEST = Digest("sha256:5a569254bd826971b9e8496609af3ef174b9c857a0b40369d18d48d0883541eb")
"""The manifest of an image that two repositories hold, web and idx."""
IMAGE = Digest("sha256:fb51b6348c454ae99efaf6af056c8e44ea346ff840bd194a52687bdae8002720")
WEB = ImageReference.parse("registry.example:5000/me/web").with_digest(MANIFEST)
NOPE = ImageReference.parse("registry.example:5000/me/nope").with_digest(MANIFEST)


@pytest.fixture(params=["4.3.1", "5.4.2"])
def version(request: pytest.FixtureRequest) -> str:
    """Return which Podman it is."""
    return str(request.param)


@pytest.fixture
def environment(stand_in: StandIn, version: str) -> Mapping[str, str]:
    """Return an environment in which podman is the stand-in."""
    return stand_in("podman", ANSWERS / "answer.sh", ANSWERS / version)


@pytest.fixture
def podman(environment: Mapping[str, str]) -> Podman:
    """Return the engine."""
    return Podman(environment)


def test_the_version_is_the_command_s(podman: Podman, version: str) -> None:
    assert podman.version() == EngineVersion.parse(version)


def test_images_are_known_by_every_name_with_one_listing(
    podman: Podman, environment: Mapping[str, str]
) -> None:
    images = podman.images()
    for name in ("web", "idx"):
        assert images[f"registry.example:5000/me/{name}@{MANIFEST}"] == IMAGE
        assert images[f"localhost/beacon/{name}:1"] == IMAGE
    assert f"localhost/beacon/web@{MANIFEST}" not in images, "no container runs by it"
    assert len(calls(environment)) == 1
    assert podman.kept()["web"] == {1: IMAGE}
    assert set(podman.kept()) == {"hc", "idx", "web"}


def test_containers_are_found_with_one_listing(podman: Podman, environment: Mapping[str, str]) -> None:
    containers = podman.containers()
    assert len(calls(environment)) == 1
    assert {name: (one.release, one.health) for name, one in containers.items()} == {
        "hc": (1, "healthy"),
        "idx": (1, ""),
        "web": (1, ""),
    }
    assert containers["web"].image_id == IMAGE
    assert containers["web"].ports == {"8080/tcp": ("", 8080)}
    assert containers["hc"].ports == {"8080/tcp": ("", 8082), "8081/tcp": ("", 9001)}


def test_health_is_known_of_what_runs(podman: Podman) -> None:
    assert podman.health("hc") == "healthy"
    assert podman.health("gone") is None


def test_volumes_are_known_by_their_service(podman: Podman) -> None:
    assert podman.volumes() == {"beacon-web-data": "web"}
    assert podman.volume("nope") is None


def test_an_address_is_the_container_s(podman: Podman) -> None:
    assert podman.address("web") == "10.88.0.4"


def test_what_is_not_there_can_be_let_go(podman: Podman) -> None:
    podman.untag("web", 9)
    assert podman.remove_image(NOPE)


def test_a_pull_tells_its_progress_and_why_it_fails(podman: Podman) -> None:
    said: list[int | None] = []
    assert podman.pull(WEB, said.append) == IMAGE
    assert said
    with pytest.raises(RegistryError, match="the registry does not have it"):
        podman.pull(NOPE, said.append)


def test_a_flush_is_of_the_file_system_that_has_the_image(
    podman: Podman, environment: Mapping[str, str]
) -> None:
    podman.flush(podman.image_folder(WEB))
    _, flush = calls(environment)
    layer = "8407c31e537de6495d6c2c0cd4a3aa3e84fcd80096668a7e344e1c5df38b0502"
    assert flush == f"sync --file-system /var/lib/containers/storage/overlay/{layer}/diff"


CHANGING = Path(__file__).parent / "podman/4.3.1/changing.txt"


@pytest.fixture
def unsettled(environment: Mapping[str, str], tmp_path: Path) -> Callable[[str], Podman]:
    """Return what makes an engine whose next command meets an image that is half there."""

    def make(said: str) -> Podman:
        file = tmp_path / "changing"
        file.write_text(said, encoding="utf-8")
        return Podman({**environment, "CHANGING": str(file)})

    return make


@pytest.mark.parametrize("said", CHANGING.read_text(encoding="utf-8").splitlines())
def test_an_image_that_comes_or_goes_meanwhile_is_waited_for(
    unsettled: Callable[[str], Podman], environment: Mapping[str, str], said: str
) -> None:
    assert f"registry.example:5000/me/web@{MANIFEST}" in unsettled(f"{said}\n").images()
    assert unsettled(f"{said}\n").pull(WEB, print) == IMAGE
    assert unsettled(f"{said}\n").remove_image(NOPE)
    assert len(calls(environment)) == 6


def test_an_image_that_stays_half_there_is_told_of(unsettled: Callable[[str], Podman]) -> None:
    said = CHANGING.read_text(encoding="utf-8").splitlines()[-1]
    with pytest.raises(MachineError, match="you may need to remove the image"):
        unsettled(f"{said}\n" * 9).images()
    assert not unsettled(f"{said}\n" * 9).remove_image(WEB), "it is another that is not known"


def test_a_command_that_fails_is_said_to(podman: Podman) -> None:
    with pytest.raises(MachineError, match="podman tag failed"):
        podman.keep(MANIFEST, "web", 1)
