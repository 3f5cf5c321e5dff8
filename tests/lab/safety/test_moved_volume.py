"""A release that moves its VOLUME: it waits for the owner's word, and no data is lost whatever that is."""

from __future__ import annotations

import json

import pytest

from tests.lab.images import ImageConfig
from tests.lab.kinds import OLD_PODMAN, ROOTLESS
from tests.lab.stage import SETTLE, Stage

pytestmark = pytest.mark.every_kind
TWO_KINDS = pytest.mark.not_on(ROOTLESS, OLD_PODMAN, why="the first test is told there too")

TEMPFAIL = 75
OLD, NEW = "/var/lib/db/data", "/var/lib/db"
VOLUME = "beacon-web-var-lib-db-data"


def config(*volumes: str) -> ImageConfig:
    return ImageConfig(volumes=volumes, labels={"io.beacon.update.settle": SETTLE})


def with_data(stage: Stage) -> str:
    """Have release 1 run with data in its volume, and a release 2 pushed that has its VOLUME elsewhere."""
    stage.push(config=config(OLD))
    stage.define()
    stage.apply()
    write(stage, OLD, "precious")
    # As databases have it: nobody else may look into it, the owner of a rootless service neither.
    inside(stage, f"busybox chown -R web {OLD}; chmod 700 {OLD}")
    return stage.push(version="2", config=config(NEW)).digest


def write(stage: Stage, folder: str, text: str) -> None:
    inside(stage, f"echo {text} > {folder}/table")


def read(stage: Stage, folder: str) -> str:
    return inside(stage, f"cat {folder}/table 2>/dev/null || echo none").strip()


def inside(stage: Stage, script: str) -> str:
    return stage.engine("exec", "beacon-web", "/bin/sh", "-c", script)


def test_it_waits_until_it_is_approved_and_a_rollback_has_the_data(stage: Stage) -> None:
    digest = with_data(stage)
    before = stage.invocations("web")
    said = stage.beacon("update", status=TEMPFAIL)
    for words in ("waiting", VOLUME, f"mounted at {OLD}", f"keeps its data at {NEW}"):
        assert words in said.stdout
    assert f"beacon approve web@{digest[7:19]}" in said.stderr
    stage.systemctl("start", "beacon-update.service")
    assert "1 waiting" in stage.journal("--unit=beacon-update.service")
    assert stage.update(status=TEMPFAIL) == {"web": "waiting"}
    assert stage.invocations("web") == before
    assert stage.agrees() == "1"

    (event,) = [one for one in stage.events() if one["BEACON_EVENT"] == "waiting"]
    assert (event["BEACON_SERVICE"], event["BEACON_DIGEST"]) == ("web", digest)
    assert OLD in event["MESSAGE"]
    assert event["MESSAGE"].endswith(NEW)
    shown = stage.beacon("status", "web").stdout
    assert all(words in shown for words in (VOLUME, OLD, NEW, f"beacon approve web@{digest[7:19]}"))
    assert f"waits: beacon approve web@{digest[7:19]}" in stage.beacon("status").stdout
    (waits,) = json.loads(stage.beacon("status", "--json").stdout)["services"][0]["waiting"]
    assert waits["volumes"] == [{"volume": VOLUME, "path": OLD, "inside": None, "instead": [NEW]}]
    assert (waits["digest"], waits["approved"]) == (digest, None)

    stage.beacon("approve", f"web@{digest[:17]}")
    assert "approved" in stage.beacon("status").stdout
    assert stage.update() == {"web": "updated"}
    assert stage.agrees() == "2"
    assert read(stage, NEW) == "none"
    write(stage, NEW, "later")
    said = stage.beacon("rollback", "web")
    assert "beacon-web-var-lib-db stays there" in said.stdout
    assert (stage.agrees(), read(stage, OLD)) == ("1", "precious")
    assert stage.engine("volume", "inspect", "beacon-web-var-lib-db")


@TWO_KINDS
@pytest.mark.parametrize("path", [NEW, OLD])
def test_a_definition_that_says_where_the_data_goes_is_enough(stage: Stage, path: str) -> None:
    with_data(stage)
    assert stage.update(status=TEMPFAIL) == {"web": "waiting"}
    stage.define(more=f'[[volume]]\nname = "{VOLUME.removeprefix("beacon-web-")}"\npath = "{path}"')
    assert stage.apply() == {"web": "updated"}
    assert stage.agrees() == "2"
    assert read(stage, path) == "precious"
    assert stage.update() == {"web": "up_to_date"}


@TWO_KINDS
def test_another_image_in_the_definition_waits_and_plan_shows_it(stage: Stage) -> None:
    with_data(stage)
    stage.push("next", "3", config=config())
    stage.define(image="registry.example:5000/me/next:latest")
    planned = stage.beacon("plan", status=None)
    assert f"{VOLUME}, mounted at {OLD}" in planned.stderr
    assert "does not mount it" in planned.stderr
    assert stage.apply(status=TEMPFAIL) == {"web": "waiting"}
    assert stage.agrees() == "1"
    stage.beacon("approve", "web")
    assert stage.apply() == {"web": "updated"}
    assert stage.agrees() == "3"


@TWO_KINDS
def test_a_folder_that_a_new_volume_would_hide_waits_and_an_empty_volume_does_not(stage: Stage) -> None:
    stage.push(config=config("/empty"))
    stage.define(more=f'[[volume]]\nname = "db"\npath = "{NEW}"')
    stage.apply()
    inside(stage, f"mkdir -p {OLD} /empty/folder")
    stage.push(version="2", config=config(OLD))
    assert stage.update() == {"web": "updated"}
    stage.push(version="3", config=config())
    assert stage.update() == {"web": "updated"}
    write(stage, OLD, "precious")
    stage.push(version="4", config=config(OLD))
    said = stage.beacon("update", status=TEMPFAIL)
    assert f"beacon-web-db holds data at {OLD}" in said.stdout
    assert (stage.agrees(), read(stage, OLD)) == ("3", "precious")
