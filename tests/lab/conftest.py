"""What lab tests ask for: a booted host with Beacon on it, hosts of their own, a registry, a faulty one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.lab import images
from tests.lab.faulty_registry import FaultyRegistry
from tests.lab.ground import Ground, LabUnavailableError
from tests.lab.host import LabHost, wait_until
from tests.lab.installation import build_deb, install_beacon
from tests.lab.stage import Stage

HERE = Path(__file__).resolve().parent
PROXY_PORT = 5001

FreshHost = Callable[..., LabHost]
Push = Callable[..., images.Pushed]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder: it needs a booted host."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """Return the bridge and the folders of this test run; a machine that cannot have them skips the lab."""
    try:
        made = Ground.open()
    except LabUnavailableError as reason:
        if os.environ.get("CI"):
            pytest.fail(f"no lab: {reason}", pytrace=False)
        pytest.skip(f"no lab: {reason}")
    yield made
    made.close()


@pytest.fixture(scope="session")
def beacon_deb() -> Path:
    """Return Beacon's Debian package, built from this tree; hosts have it installed already."""
    return build_deb()


@pytest.fixture(scope="session")
def beacon_layer(ground: Ground) -> Path:
    """Return the layer that holds Beacon, as its package installs it."""
    return ground.layer("beacon", install_beacon)


@pytest.fixture(scope="session")
def booted_host(ground: Ground, beacon_layer: Path) -> Iterator[LabHost]:
    """Return the host that all tests share; ask for `host`, which is clean."""
    booted = LabHost(ground, "host", layers=(beacon_layer,))
    booted.boot()
    booted.run("/bin/sh", "-s", input=(HERE / "remember.sh").read_text())
    yield booted
    booted.destroy()


@pytest.fixture
def host(booted_host: LabHost) -> Iterator[LabHost]:
    """Return the shared host; the services, containers, images and files of a test are removed after it."""
    yield booted_host
    if not booted_host.is_up:
        booted_host.boot()
    booted_host.run("/bin/sh", "-s", input=(HERE / "clean.sh").read_text())
    wait_until(booted_host.registry_answers, interval=0.01)


@pytest.fixture
def fresh_host(ground: Ground, beacon_layer: Path) -> Iterator[FreshHost]:
    """Return a function that boots another host, by default with Beacon on it; it is gone after the test.

    fresh_host() → LabHost; fresh_host("mars", beacon=False) has another name and no Beacon.
    """
    made: list[LabHost] = []

    def boot(name: str = "fresh", *, beacon: bool = True) -> LabHost:
        new = LabHost(ground, name, layers=(beacon_layer,) if beacon else ())
        new.boot()
        made.append(new)
        for other in made:
            other.name_hosts()
        return new

    yield boot
    for used in made:
        used.destroy()


@pytest.fixture
def push(host: LabHost) -> Push:
    """Return `images.push` for the shared host's registry."""
    return partial(images.push, host)


@pytest.fixture
def stage(host: LabHost) -> Stage:
    """Return the shared host as a stage for services."""
    return Stage(host)


@pytest.fixture
def registry(host: LabHost) -> Callable[[str], images.Registry]:
    """Return a function that gives a repository of the host's registry, to look at tags and delete them."""
    return partial(images.Registry, host.registry)


@pytest.fixture
def faulty_registry(ground: Ground, host: LabHost) -> Iterator[FaultyRegistry]:
    """Return a proxy in front of the host's registry that misbehaves as told; hosts call it `.address`."""
    with FaultyRegistry(host.registry, (ground.slot.address(1), PROXY_PORT)) as proxy:
        yield proxy
