"""Apps of the catalog, from installation to the last of their data; images check what they are given."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.bench.report import note_soak
from tests.catalog import NAMES, app
from tests.lab.kinds import DOCKER, QUADLET, ROOTLESS, Kind
from tests.lab.stage import REGISTRY, Stage
from tests.lab.standin import StandIns, ports_of

IS_SOAK = "BEACON_SOAK_APPS" in os.environ
SHAPES: Mapping[Kind, Sequence[str]] = {
    QUADLET: (
        "memos",  # one container
        "miniflux",  # with a database
        "nextcloud",  # with a database and a cache
        "jellyfin",  # devices
        "sonarr",  # libraries
        "mosquitto",  # rendered files, and a program of its own
        "filebrowser",  # run by a user
        "vaultwarden",  # only with a domain
        "firefly-iii",  # a job
        "immich",  # many services
    ),
    ROOTLESS: ("filebrowser", "miniflux"),
    DOCKER: ("mosquitto", "nextcloud"),
}
ANSWERS: Mapping[str, Mapping[str, object]] = {"jellyfin": {"devices": "/dev/null"}}
TAKEN = {5000}
"""Ports of the host that its registry has."""
PRIVILEGED = 1024


@pytest.fixture(params=[QUADLET] if IS_SOAK else SHAPES, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return the kind of host that apps are installed on."""
    asked: Kind = request.param
    return asked


def stand_ins(stage: Stage, name: str) -> StandIns:
    """Return an app whose ports are free on this host; it is asked nothing else that it need not be."""
    manifest = app(name).manifest
    answers = dict(ANSWERS.get(name, {}))
    if manifest.requires.https:
        answers["domain"] = f"{name}.example.org"
    for number, (option, port) in enumerate(ports_of(manifest).items()):
        if port in TAKEN or (stage.user and port < PRIVILEGED):
            answers[option] = 30000 + number
    return StandIns(stage, name, answers)


def do(stage: Stage, verb: str, name: str, *words: str, status: int = 0) -> dict[str, Any]:
    """Do something to an app; return its answer."""
    done = stage.beacon("app", verb, name, *words, "--json", status=None, timeout=300)
    if done.returncode != status:
        said = stage.journal("--no-pager", "--lines=60", "--output=cat", check=False)
        pytest.fail(f"app {verb} {name}: status {done.returncode}\n{done.stdout}{done.stderr}\n{said}")
    return dict(json.loads(done.stdout))


def revision(stage: Stage, name: str) -> int:
    """Return the revision of an installed app."""
    listed = json.loads(stage.beacon("app", "status", "--json").stdout)["installed"]
    return int(next(one["revision"] for one in listed if one["name"] == name))


def tags(stage: Stage, apps: StandIns) -> set[str]:
    """Return the tags of the images that the services of an app run."""
    return {str(stage.live(one.name)["reference"]["tag"]) for one in apps.services}


def journey(stage: Stage, name: str) -> None:
    """Install, update, fail, remove and install again; nothing is lost until it is purged."""
    apps = stand_ins(stage, name)
    apps.offer(1)
    first = do(stage, "install", name, *apps.options)
    assert first["installation"]["services"] == [one.name for one in apps.services], (
        "they are those that it comes to"
    )
    for wanted, called in apps.jobs():
        assert called == wanted
    born = apps.born()
    apps.offer(2)
    do(stage, "update", name)
    assert tags(stage, apps) == {"2"}
    apps.offer(3, broken=True)
    do(stage, "update", name, status=20)
    assert tags(stage, apps) == {"2"}, "all go back together"
    assert revision(stage, name) == 2
    gone = do(stage, "remove", name)
    assert not [one for one in stage.engine("ps", "--all", "--format={{.Names}}").split() if name in one]
    secrets = [one for one in gone["kept"] if one.startswith(f"{name}.")]
    assert len(secrets) == len(apps.secrets)
    apps.offer(4)
    again = do(stage, "install", name, *apps.options)
    assert (again["password"], apps.born()) == (first["password"], born)
    assert tags(stage, apps) == {"4"}
    do(stage, "remove", name, "--purge", "--yes")
    assert not [one for one in stage.engine("volume", "ls", "--quiet").split() if f"beacon-{name}" in one]


def test_apps_live_as_their_manifests_say(stage: Stage) -> None:
    stage.host.run("mkdir", "--parents", "/lib/modules")  # as on every machine with a kernel of its own
    names = NAMES if IS_SOAK else SHAPES[stage.kind]
    failed = {}
    for name in names:
        try:
            journey(stage, name)
        except (AssertionError, pytest.fail.Exception) as error:
            failed[name] = str(error)
            stage.beacon("app", "remove", name, "--purge", "--yes", status=None, timeout=120)
    assert not failed, "\n\n".join(f"{name}: {said}" for name, said in failed.items())
    if IS_SOAK:
        note_soak("apps", f"{len(names)} apps were installed, updated, put back, removed and found again")


@pytest.mark.parametrize("kind", [QUADLET], ids=str)
def test_a_stand_in_says_what_is_missing(stage: Stage) -> None:
    apps = stand_ins(stage, "sonarr")
    apps.offer(1)
    image = f"{REGISTRY}/sonarr/main:1"
    given = ["--env=PUID=1000", "--env=PGID=1000"]
    for words, said in (
        ([], "the variable PUID is not 1000"),
        ([*given, "--env=TZ=Mars"], "the variable TZ is not Etc/UTC"),
        ([*given, "--env=TZ=Etc/UTC"], "nothing is mounted at /config"),
        ([*given, "--env=TZ=Etc/UTC", "--volume=/srv:/config:ro"], "/config cannot be written to"),
    ):
        done = stage.run("podman", "run", "--rm", "--quiet", *words, image, check=False)
        assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"stand-in of sonarr: {said}")
