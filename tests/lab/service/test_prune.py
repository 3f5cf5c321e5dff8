"""What nothing needs any more is shown, and goes when it is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.stage import Stage

pytestmark = pytest.mark.every_kind

DATA = '[[volume]]\nname = "data"\npath = "/data"'


def items(stage: Stage, *words: str) -> list[dict[str, Any]]:
    """Return what prune answers."""
    found: list[dict[str, Any]] = json.loads(stage.beacon("prune", *words, "--json").stdout)["items"]
    return found


def named(stage: Stage, *words: str, removed: bool = False) -> set[str]:
    return {one["name"] for one in items(stage, *words) if one["removed"] or not removed}


def test_what_services_left_goes_and_what_others_have_stays(stage: Stage) -> None:
    for name in ("web", "gone"):
        stage.push(name)
        stage.define(name, more=DATA)
    stage.apply()
    stage.engine("volume", "create", "strange")
    stage.beacon("rm", "gone")
    assert stage.run("sh", "-c", "printf word | beacon secret set free", check=True).returncode == 0
    found = items(stage)
    assert {one["name"] for one in found if one["kind"] == "volume"} == {"beacon-gone-data"}
    assert {one["name"] for one in found if one["kind"] == "secret"} == {"free"}
    (copy,) = (one["name"] for one in found if one["kind"] == "copy")
    assert named(stage, "--yes", removed=True) <= {one["name"] for one in found if one["kind"] == "image"}
    assert "beacon-gone-data" in stage.engine("volume", "ls", "--format", "{{.Name}}").split()
    gone = named(stage, "--volumes", "--secrets", "--copies", "--yes", removed=True)
    assert {"beacon-gone-data", "free", copy} <= gone
    left = stage.engine("volume", "ls", "--format", "{{.Name}}").split()
    assert "beacon-gone-data" not in left
    assert {"beacon-web-data", "strange"} <= set(left)
    assert named(stage) == set()
    assert stage.version("web") == "1"


def test_a_volume_that_a_container_mounts_stays(stage: Stage) -> None:
    stage.push("gone")
    stage.define("gone", more=DATA)
    stage.apply()
    image = stage.engine("inspect", "--format", "{{.Image}}", "beacon-gone").strip()
    stage.beacon("rm", "gone")
    stage.engine("create", "--name", "stranger", "-v", "beacon-gone-data:/x", image, check=False)
    if "stranger" not in stage.engine("ps", "--all", "--format", "{{.Names}}"):
        stage.push("other")
        stage.define("other")
        stage.apply()
        image = stage.engine("inspect", "--format", "{{.Image}}", "beacon-other").strip()
        stage.engine("create", "--name", "stranger", "-v", "beacon-gone-data:/x", image)
    assert "beacon-gone-data" not in named(stage)
    stage.beacon("prune", "--volumes", "--yes")
    assert "beacon-gone-data" in stage.engine("volume", "ls", "--format", "{{.Name}}").split()


def test_nothing_is_deleted_where_nobody_can_be_asked(stage: Stage) -> None:
    done = stage.run("beacon", "prune", "--volumes", check=False)
    assert done.returncode != 0
    assert "--yes" in done.stderr
