"""Jobs at certain times: systemd runs them in the container, while the service is up."""

from __future__ import annotations

import json

import pytest

from tests.lab.host import wait_until
from tests.lab.stage import Stage

TIMER = "beacon-web.job-count.timer"
COUNT = """[[job]]
name = "count"
schedule = "*:*:*"
command = ["sh", "-c", "echo done >> /count"]
timeout = "20s"
"""
FAILS = COUNT.replace("echo done >> /count", "exit 3")
LATER = COUNT.replace("*:*:*", "daily")


def counted(stage: Stage) -> int:
    done = stage.beacon("exec", "web", "cat", "/count", status=None)
    return len(done.stdout.splitlines()) if done.returncode == 0 else 0


def is_active(stage: Stage, unit: str) -> bool:
    return stage.systemctl("show", "--property=ActiveState", "--value", unit).strip() == "active"


@pytest.mark.every_kind
def test_a_job_runs_while_its_service_is_up_and_goes_with_it(stage: Stage) -> None:
    stage.push("web")
    stage.define("web", more=COUNT)
    stage.apply()
    wait_until(lambda: counted(stage) >= 2, 90)
    stage.beacon("stop", "web")
    assert not is_active(stage, TIMER)
    stage.beacon("start", "web")
    assert is_active(stage, TIMER)
    stage.push("web", "2")
    assert stage.update()["web"] == "updated"
    assert is_active(stage, TIMER)

    stage.define("web", more=FAILS)
    stage.apply()
    wait_until(lambda: "exit status 3" in stage.beacon("status", "web").stdout, 60)
    told = "job count of web has failed"  # but for the moments in which it runs again
    wait_until(lambda: told in stage.beacon("doctor", status=None).stdout, 60)

    stage.define("web", more=LATER)
    stage.apply()
    stage.beacon("render", "--check", "web")
    (shown,) = json.loads(stage.beacon("status", "web", "--json").stdout)["services"]
    assert [(one["name"], one["schedule"]) for one in shown["jobs"]] == [("count", "daily")]
    assert shown["jobs"][0]["next_run"]

    stage.define("web")
    stage.apply()
    assert not is_active(stage, TIMER)
    assert "not-found" in stage.systemctl("show", "--property=LoadState", TIMER)

    stage.define("web", more=COUNT)
    stage.apply()
    assert is_active(stage, TIMER)
    stage.beacon("rm", "web")
    assert not is_active(stage, TIMER)
    assert "not-found" in stage.systemctl("show", "--property=LoadState", TIMER)
