"""Operations need no terminal: in threads, with stdout and stderr closed, with a listener that fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab.stage import QUICK, REGISTRY, Stage

SCRIPT = Path(__file__).with_name("asking.py")
PLACE = "/root/asking.py"


def ask(stage: Stage, way: str) -> dict[str, Any]:
    """Have every operation asked for twice at once on the host; return what the answers were."""
    stage.push("web", config=QUICK)
    stage.write(PLACE, SCRIPT.read_text())
    bare = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
    done = stage.host.run(*bare, "python3", PLACE, way, f"{REGISTRY}/me/web:latest", timeout=180)
    assert (done.stdout, done.stderr) == ("", "")
    said: dict[str, Any] = json.loads(stage.host.read("/root/answers.json"))
    return said


@pytest.mark.parametrize("way", ["hears", "raises"])
def test_every_operation_is_done_without_a_terminal(stage: Stage, way: str) -> None:
    said = ask(stage, way)
    assert said["errors"] == {}
    assert said["answers"]["add"] == {"one": "installed", "two": "installed"}
    assert said["answers"]["import"] == {"one": 1, "two": 1}
    assert said["answers"]["adopt"] == {"one": "installed", "two": "installed"}
    assert said["answers"]["adopt_volumes"] == {"one": 0, "two": 0}
    assert said["answers"]["end_adoptions"] == {"one": 0, "two": 0}
    assert said["answers"]["status"] == {"one": "active", "two": "active"}
    assert said["answers"]["plan"] == {"one": 0, "two": 0}
    assert said["answers"]["update"] == {"one": "up_to_date", "two": "up_to_date"}
    assert said["answers"]["second"] == {"one": "updated", "two": "updated"}
    assert said["answers"]["rollback"] == {"one": 1, "two": 1}
    assert said["answers"]["remove"] == {"one": "removed", "two": "removed"}
    assert said["printed"] == {"stdout": "", "stderr": ""}
    assert not stage.host.exists("/etc/beacon/services/one.toml")
    if way == "hears":
        assert {"Pulling", "Pulled"} <= set(said["heard"])
