"""How far a pull has come, by what each engine lets see of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from beacon.engine.docker import Docker
from beacon.engine.podman import Podman
from beacon.engine.pulls.bars import Bars
from beacon.engine.streaming import Patience
from beacon.model.image import Layer
from beacon.model.reference import Digest, ImageReference

IMAGE = ImageReference.parse(f"registry.example/web@sha256:{'a' * 64}")
ID = "b" * 64
PATIENCE = Patience(silence=20, beat=0.05)


def digest(letter: str) -> Digest:
    return Digest(f"sha256:{letter * 64}")


LAYERS = tuple(
    Layer(digest(one), size, digest(one.upper())) for one, size in (("a", 1), ("b", 20), ("c", 300))
)


def engine(folder: Path, name: str, script: str) -> Mapping[str, str]:
    """Return an environment in which the engine of that name is a shell script."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize("name", ["storage123456", "container_images_storage987"])
def test_podman_s_pull_is_as_far_as_the_files_that_it_fetches_to(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    script = (
        f"exec 3>{folder}/1; head -c 3000 /dev/zero >&3; head -c 400 /dev/zero >{folder}/2; sleep 1\n"
        f"exec 3>&-; rm {folder}/1; head -c 500 /dev/zero >{folder}/2; sleep 1; echo {ID}"
    )
    heard: list[int | None] = []
    Podman(engine(tmp_path, "podman", script), PATIENCE).pull(IMAGE, heard.append)
    assert [done for done in dict.fromkeys(heard) if done] == [3400, 3500]


def test_other_files_of_podman_s_are_no_bytes_of_a_pull(tmp_path: Path) -> None:
    heard: list[int | None] = []
    script = f"exec 3>{tmp_path}/storage1; head -c 3000 /dev/zero >&3; sleep 0.3; echo {ID}"
    Podman(engine(tmp_path, "podman", script), PATIENCE).pull(IMAGE, heard.append)
    assert set(heard) == {None}


def test_docker_s_pull_is_as_far_as_its_bars(tmp_path: Path) -> None:
    one, two, three = "9c61030271ba", "0a1b2c3d4e5f", "111111111111"
    script = "\n".join(
        [
            'case "$1" in image) echo sha256:$ID; exit;; esac',
            f"printf '%s\\r\\n' 'registry.example/web: Pulling from web' '{one}: Pulling fs layer '",
            f"printf '\\033[1A\\033[2K\\r{one}: Downloading [==>   ]  1.5MB/20.25MB\\r\\033[1B'",
            f"printf '\\r\\n{two}: Already exists \\r\\n{three}: Waiting \\r\\n'; sleep 0.3",
            f"printf '\\033[3A\\033[2K\\r{one}: Verifying Checksum \\r\\033[3B'",
            f"printf '\\033[1A\\033[2K\\r{three}: Downloading  512.4kB/1GB\\r\\033[1B'; sleep 0.3",
            f"printf '\\033[3A\\033[2K\\r{one}: Extracting [=>  ]  2MB/20.25MB\\r\\033[3B\\r\\n'",
        ]
    )
    heard: list[int | None] = []
    Docker({**engine(tmp_path, "docker", script), "ID": ID}, PATIENCE).pull(IMAGE, heard.append)
    done = [one for one in dict.fromkeys(heard) if one is not None]
    assert done == [0, 1_500_000, 20_250_000, 20_762_400]


def test_what_docker_says_otherwise_is_no_layer() -> None:
    bars = Bars()
    for line in (
        "Digest: sha256:9c61030271ba",
        "Status: Downloaded newer image",
        "latest: Pulling from web",
        "",
    ):
        bars.read(line)
    assert bars.fetched is None


@pytest.mark.parametrize(
    ("images", "podman", "docker"),
    [
        ([], 321, 321),
        (["A"], 320, 320),
        (["AB", "X"], 300, 300),
        (["XB"], 301, 321),
        (["ABC"], 0, 0),
        (["ABX", "C"], 0, 300),
    ],
)
def test_layers_on_disk_are_not_fetched(tmp_path: Path, images: list[str], podman: int, docker: int) -> None:
    lines = [" ".join(digest(letter) for letter in image) for image in images]
    listing = " ".join(str(number) for number in range(len(images)))
    said = "\n".join(lines)
    script = f'case "$1" in images) echo "{listing}";; *) echo "{said}";; esac'
    assert Podman(engine(tmp_path, "podman", script)).missing(LAYERS) == podman
    assert Docker(engine(tmp_path, "docker", script)).missing(LAYERS) == docker


def test_a_layer_that_an_image_has_twice_is_fetched_once(tmp_path: Path) -> None:
    environment = engine(tmp_path, "podman", "exit 0")
    assert Podman(environment).missing((*LAYERS, LAYERS[2])) == 321
