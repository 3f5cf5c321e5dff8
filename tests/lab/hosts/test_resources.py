"""Limits on a host that has no controllers for them: the services run, and it is said once."""

from __future__ import annotations

import pytest

from tests.lab.stage import Stage

LIMITS = """
[resources]
memory = "64M"
pids = 50
"""


def warnings(stage: Stage, *argv: str) -> list[str]:
    """Run beacon; return what it warned of limits."""
    lines = stage.beacon(*argv).stderr.splitlines()
    return [line for line in lines if line.startswith("warning: resources.")]


@pytest.fixture(autouse=True)
def _no_controllers(stage: Stage) -> None:
    given = stage.host.read("/sys/fs/cgroup/cgroup.controllers").split()
    if {"memory", "pids"} & set(given):
        pytest.skip("the machine around the test hosts gives them controllers")


def test_limits_without_controllers_are_told_once(stage: Stage) -> None:
    for name in ("db", "web"):
        stage.push(name)
        stage.define(name, more=LIMITS)
    (warning,) = warnings(stage, "apply")
    assert "resources.memory of db, web; resources.pids of db, web have no effect" in warning
    assert "/sys/fs/cgroup/cgroup.controllers" in warning
    assert [stage.agrees(name) for name in ("db", "web")] == ["1", "1"]
    # Nothing changes: nothing is told.
    assert warnings(stage, "apply") == []
    # One changes: it alone is told of.
    stage.define("web", more=LIMITS, top='env = { A = "b" }')
    (warning,) = warnings(stage, "apply")
    assert "resources.memory of web; resources.pids of web have no effect" in warning
