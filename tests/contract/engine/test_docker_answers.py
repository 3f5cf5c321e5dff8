"""What docker says is understood: its answers were recorded on a test host, for both image stores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from beacon.engine.docker import Docker
from beacon.errors import MachineError, RegistryError
from beacon.model.machine import EngineVersion
from beacon.model.reference import Digest, ImageReference
from tests.contract.engine.conftest import StandIn, calls

ANSWERS = Path(__file__).parent / "docker_26"
WEB = Digest("sha256:5a569254bd826971b9e8496609af3ef174b9c857a0b40369d18d48d0883541eb")
"""The manifest of an image that two repositories hold, web and idx."""
IDS = {
    "classic": Digest("sha256:fb51b6348c454ae99efaf6af056c8e44ea346ff840bd194a52687bdae8002720"),
    "containerd": WEB,
}
NOPE = ImageReference.parse("registry.example:5000/me/nope").with_digest(WEB)


@pytest.fixture(params=sorted(IDS))
def store(request: pytest.FixtureRequest) -> str:
    """Return which image store docker has."""
    return str(request.param)


@pytest.fixture
def environment(stand_in: StandIn, store: str) -> Mapping[str, str]:
    """Return an environment in which docker is the stand-in."""
    return stand_in("docker", ANSWERS / "answer.sh", ANSWERS / store)


@pytest.fixture
def docker(environment: Mapping[str, str]) -> Docker:
    """Return the engine."""
    return Docker(environment)


def test_the_version_is_the_command_s(docker: Docker) -> None:
    assert docker.version() == EngineVersion(26, 1, 5)


def test_images_are_known_by_every_name(docker: Docker, store: str, environment: Mapping[str, str]) -> None:
    images = docker.images()
    for name in ("web", "idx"):
        assert images[f"registry.example:5000/me/{name}@{WEB}"] == IDS[store]
        assert images[f"localhost/beacon/{name}:1"] == IDS[store]
    assert docker.kept()["web"] == {1: IDS[store]}
    assert set(docker.kept()) == {"hc", "idx", "web"}
    assert len(calls(environment)) == 2 * 3


def test_containers_are_found_with_one_listing_and_one_look(
    docker: Docker, store: str, environment: Mapping[str, str]
) -> None:
    containers = docker.containers()
    assert len(calls(environment)) == 2
    assert {name: (one.release, one.health) for name, one in containers.items()} == {
        "hc": (1, "healthy"),
        "idx": (1, ""),
        "web": (1, ""),
    }
    assert containers["web"].image_id == IDS[store]
    assert containers["web"].ports == {"8080/tcp": ("127.0.0.1", 8080)}
    assert set(containers["hc"].ports) == {"8080/tcp", "8081/tcp"}
    assert containers["hc"].ports["8081/tcp"][1] == 9001


def test_volumes_are_known_by_their_service(docker: Docker) -> None:
    assert docker.volumes() == {"beacon-web-data": "web"}


def test_an_address_is_the_container_s(docker: Docker) -> None:
    assert docker.address("web").startswith("172.")


def test_what_is_not_there_can_be_let_go(docker: Docker) -> None:
    docker.untag("web", 9)
    assert docker.remove_image(NOPE)


def test_a_pull_tells_its_progress_and_why_it_fails(docker: Docker, store: str) -> None:
    said: list[int | None] = []
    assert docker.pull(ImageReference.parse("example.org/web").with_digest(WEB), said.append) == IDS[store]
    assert said == [0]
    with pytest.raises(RegistryError, match="the registry does not have it"):
        docker.pull(NOPE, said.append)


def test_a_flush_is_of_the_file_system_that_has_the_image(
    docker: Docker, environment: Mapping[str, str]
) -> None:
    docker.flush(docker.image_folder(ImageReference.parse("example.org/web").with_digest(WEB)))
    _, flush = calls(environment)
    assert flush == "sync --file-system /var/lib/docker"


def test_a_wrong_login_is_no_obstacle_to_a_public_image(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    login = tmp_path / "auth.json"
    login.write_text("{}", encoding="utf-8")
    engine = Docker({**environment, "REGISTRY_AUTH_FILE": str(login)})
    engine.pull(ImageReference.parse("example.org/web").with_digest(WEB), lambda _: None)
    assert sum(call.startswith("pull") for call in calls(environment)) == 2


def test_a_daemon_that_is_down_is_said_to_be(docker: Docker) -> None:
    with pytest.raises(MachineError, match="docker's daemon does not answer") as raised:
        docker.keep(WEB, "web", 1)
    assert raised.value.hint == "systemctl status docker"
