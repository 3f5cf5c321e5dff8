"""A secret gets another value: the plan tells who has the former one, until a restart."""

from __future__ import annotations

import json

import pytest

from tests.lab.host import LabHost
from tests.lab.stage import Stage


@pytest.fixture
def stage(host: LabHost) -> Stage:
    """Return a host without services."""
    return Stage(host)


def warnings(stage: Stage) -> list[str]:
    """Return what a plan, which is empty, warns of."""
    said = json.loads(stage.beacon("plan", "--json").stdout)
    assert said["steps"] == []
    return [one["text"] for one in said["warnings"]]


def value(stage: Stage) -> str:
    """Return what the container's own process has; podman exec looks a secret up anew."""
    pid = stage.engine("inspect", "--format", "{{.State.Pid}}", "beacon-web").strip()
    (found,) = (one for one in stage.run("cat", f"/proc/{pid}/environ").stdout.split("\0") if "TOK" in one)
    return found


def test_a_plan_tells_of_a_value_that_no_container_has_yet(stage: Stage) -> None:
    create = "printf %s {} | podman secret create {} tok -"
    stage.run("sh", "-c", create.format("one", ""))
    stage.push()
    stage.define(more='[[secret]]\nname = "tok"\nenv = "TOK"')
    stage.apply()
    assert warnings(stage) == []
    stage.run("sh", "-c", create.format("two", "--replace"))
    assert warnings(stage) == ["web runs with the former value of the secret tok"]
    assert value(stage) == "TOK=one"
    stage.beacon("restart", "web")
    assert warnings(stage) == []
    assert value(stage) == "TOK=two"
