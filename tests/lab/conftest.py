"""What lab tests ask for: a booted host with Beacon on it, hosts of their own, a registry, a faulty one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.lab import images
from tests.lab.faulty_registry import FaultyRegistry
from tests.lab.ground import BARE, BOOKWORM, TRIXIE, Ground, LabUnavailableError
from tests.lab.host import LabHost, wait_until
from tests.lab.installation import (
    build_deb,
    install_beacon,
    install_from_checkout,
    leave_docker_alone,
    offer_wheels,
)
from tests.lab.kinds import DOCKER, KINDS, OLD_PODMAN, QUADLET, ROOTLESS, Kind
from tests.lab.relay import Relay
from tests.lab.stage import Stage

HERE = Path(__file__).resolve().parent
PROXY_PORT = 5001

FreshHost = Callable[..., LabHost]
Push = Callable[..., images.Pushed]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have tests that are marked `every_kind` run on each kind of host, less those that `not_on` names."""
    if metafunc.definition.get_closest_marker("every_kind") is None:
        return
    left_out = {kind for mark in metafunc.definition.iter_markers("not_on") for kind in mark.args}
    kinds = [kind for kind in KINDS if kind not in left_out]
    metafunc.parametrize("kind", kinds, ids=str)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, which needs a booted host, and what needs one of another kind."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)
            if isinstance(item, pytest.Function) and _needs_another_kind(item):
                item.add_marker(pytest.mark.other_kind)


def _needs_another_kind(item: pytest.Function) -> bool:
    if not OTHER_HOSTS.isdisjoint(item.fixturenames):
        return True
    return hasattr(item, "callspec") and item.callspec.params.get("kind", QUADLET) is not QUADLET


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
    remember(booted)
    yield booted
    booted.destroy()


@pytest.fixture(scope="session")
def booted_old_host(ground: Ground) -> Iterator[LabHost]:
    """Return the shared host with Debian 12; ask for `old_host`, which is clean."""
    booted = LabHost(ground, "old", suite=BOOKWORM)
    booted.boot()
    offer_wheels(booted)
    install_from_checkout(booted)
    remember(booted)
    yield booted
    booted.destroy()


@pytest.fixture(scope="session")
def booted_docker_host(ground: Ground, beacon_layer: Path) -> Iterator[LabHost]:
    """Return the shared host that has docker and no Podman; ask for `host` of that kind, which is clean."""
    booted = LabHost(ground, "whale", layers=(beacon_layer,))
    booted.boot()
    leave_docker_alone(booted)
    remember(booted)
    yield booted
    booted.destroy()


@pytest.fixture
def kind() -> Kind:
    """Return the kind of the test's host; tests of every kind get one after the other."""
    return QUADLET


@pytest.fixture
def host(kind: Kind, request: pytest.FixtureRequest) -> Iterator[LabHost]:
    """Return the shared host; the services, containers, images and files of a test are removed after it."""
    booted: LabHost = request.getfixturevalue(SHARED_HOSTS[kind])
    yield booted
    clean(booted)


@pytest.fixture
def old_host(booted_old_host: LabHost) -> Iterator[LabHost]:
    """Return the shared host with Debian 12, on which install.sh has put Beacon; cleaned like `host`."""
    yield booted_old_host
    clean(booted_old_host)


OTHER_HOSTS = {"booted_old_host", "booted_docker_host", "both_engines", "bare_host"}
"""Fixtures of hosts that are not like the first of KINDS."""

SHARED_HOSTS = {
    QUADLET: "booted_host",
    ROOTLESS: "booted_host",
    OLD_PODMAN: "booted_old_host",
    DOCKER: "booted_docker_host",
}


def remember(booted: LabHost) -> None:
    """Note how a shared host is before any test used it."""
    booted.run("/bin/sh", "-s", input=(HERE / "remember.sh").read_text())


def clean(booted: LabHost) -> None:
    """Put a shared host back as it was."""
    if not booted.is_up:
        booted.boot()
    booted.run("/bin/sh", "-s", input=(HERE / "clean.sh").read_text())
    wait_until(booted.registry_answers, interval=0.01)


@pytest.fixture
def fresh_host(ground: Ground, beacon_layer: Path) -> Iterator[FreshHost]:
    """Return a function that boots another host, by default with Beacon on it; it is gone after the test.

    fresh_host() → LabHost; fresh_host("mars", beacon=False) has another name and no Beacon, and so has one of
    another suite.
    """
    made: list[LabHost] = []

    def boot(name: str = "fresh", *, beacon: bool = True, suite: str = TRIXIE) -> LabHost:
        layers = (beacon_layer,) if beacon and suite == TRIXIE else ()
        new = LabHost(ground, name, suite=suite, layers=layers)
        new.boot()
        made.append(new)
        for other in made:
            other.name_hosts()
        return new

    yield boot
    for used in made:
        used.destroy()


@pytest.fixture(scope="session")
def relay(ground: Ground) -> Iterator[Relay]:
    """Return what bare hosts have of the internet: Debian's archive and PyPI."""
    with Relay(ground) as relay:
        yield relay


@pytest.fixture
def bare_host(fresh_host: FreshHost, relay: Relay) -> Callable[[str], LabHost]:
    """Return a function that boots a host of a suite that has a network, and nothing was done on yet."""

    def boot(suite: str) -> LabHost:
        host = fresh_host("bare", suite=f"{BARE}{suite}")
        host.write("/etc/apt/sources.list", relay.sources(suite))
        host.write("/etc/pip.conf", relay.pip_conf())
        # Commands are meant for people who are not root; who is has no need of it.
        host.write("/usr/local/bin/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)
        return host

    return boot


@pytest.fixture
def both_engines(fresh_host: FreshHost) -> LabHost:
    """Boot a host with both engines, which is to use docker."""
    host = fresh_host("both")
    host.write("/etc/beacon/beacon.toml", 'engine = "docker"\n')
    host.run("systemctl", "enable", "--now", "docker")
    return host


@pytest.fixture
def push(host: LabHost) -> Push:
    """Return `images.push` for the shared host's registry."""
    return partial(images.push, host)


@pytest.fixture
def stage(host: LabHost, kind: Kind) -> Stage:
    """Return the shared host as a stage for services: the machine's, or those of an ordinary user."""
    if not kind.rootless:
        return Stage(host, kind)
    # A user's manager cannot pull it up, and Quadlet's user units wait for it.
    host.run("systemctl", "start", "network-online.target")
    return Stage(host, kind, host.add_user())


@pytest.fixture
def registry(host: LabHost) -> Callable[[str], images.Registry]:
    """Return a function that gives a repository of the host's registry, to look at tags and delete them."""
    return partial(images.Registry, host.registry)


@pytest.fixture
def faulty_registry(ground: Ground, host: LabHost) -> Iterator[FaultyRegistry]:
    """Return a proxy in front of the host's registry that misbehaves as told; hosts call it `.address`."""
    with FaultyRegistry(host.registry, (ground.slot.address(1), PROXY_PORT)) as proxy:
        yield proxy
