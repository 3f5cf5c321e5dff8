"""An operation is watched and canceled from another process."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from subprocess import Popen
from typing import Any

from beacon.errors import ExitStatus
from tests.lab.faulty_registry import Delay, FaultyRegistry
from tests.lab.host import wait_until
from tests.lab.stage import Stage

SCRIPT = Path(__file__).with_name("watching.py")
PLACE = "/root/watching.py"


def other(stage: Stage, what: str) -> dict[str, Any]:
    """Have another process look at the operation under way, and do *what*."""
    stage.write(PLACE, SCRIPT.read_text())
    said: dict[str, Any] = json.loads(stage.host.run("python3", PLACE, what).stdout)
    return said


def test_a_release_that_settles_is_put_back_when_it_is_canceled(stage: Stage) -> None:
    run = stage.settling("15s")
    assert other(stage, "list") == {"verb": "update", "services": [], "count": 1}
    assert other(stage, "cancel") == {}
    said, _ = run.communicate(timeout=60)  # the release that is back has to settle, too
    assert "canceled" in said
    assert run.returncode not in {0, ExitStatus.ROLLED_BACK}
    assert stage.agrees() == "1"
    assert stage.state()["quarantine"] == []
    assert other(stage, "list") == {"count": 0}


def hanging(stage: Stage, faulty_registry: FaultyRegistry, seconds: float) -> Popen[str]:
    """Return an update that pulls an image which takes its time."""
    stage.push()
    stage.define(image=f"{faulty_registry.address}/me/web:latest", update='settle = "1s"')
    stage.apply()
    stage.push(version="2")
    faulty_registry.when("/blobs/", Delay(seconds))
    run = stage.start("beacon", "update", "web", "--json")
    wait_until(lambda: stage.step() == "pulling", 30, interval=0.01)  # the check asks for a blob, too
    return run


def test_a_pull_that_hangs_is_ended_when_it_is_canceled(
    stage: Stage, faulty_registry: FaultyRegistry
) -> None:
    run = hanging(stage, faulty_registry, 8)
    assert other(stage, "list") == {"verb": "update", "services": ["web"], "count": 1}
    assert other(stage, "cancel") == {}
    said, _ = run.communicate(timeout=20)
    assert "canceled" in said
    assert run.returncode == ExitStatus.TEMPFAIL
    assert stage.version() == "1"


def test_who_watches_hears_it_all_until_the_end(stage: Stage, faulty_registry: FaultyRegistry) -> None:
    run = hanging(stage, faulty_registry, 1)
    heard = other(stage, "watch")["heard"]
    assert heard[0] == "Waiting"  # for the registry
    assert "Pulling" in heard
    assert "StepBegan" in heard[heard.index("Pulled") :]
    assert heard[-1] == "StepBegan"  # which says that it has ended
    run.communicate(timeout=60)
    assert stage.version() == "2"


def test_what_was_killed_is_under_way_no_more(stage: Stage) -> None:
    run = stage.settling("5s")
    stage.host.kill(run)
    run.communicate(timeout=20)
    assert other(stage, "list") == {"count": 0}
    assert stage.host.run("ls", "/run/beacon/operations").stdout
    assert stage.update() == {"web": "updated"}
    assert not stage.host.run("ls", "/run/beacon/operations").stdout


def test_the_terminal_s_interruption_puts_a_release_back_that_settles(stage: Stage) -> None:
    run = stage.settling("15s")
    stage.host.kill(run, signal.SIGINT)
    answered, said = run.communicate(timeout=60)
    assert "canceled" in answered
    assert "what is begun is being put back: web (" in said
    assert run.returncode == ExitStatus.TEMPFAIL
    assert stage.agrees() == "1"
    assert stage.state()["quarantine"] == []
    assert stage.update() == {"web": "updated"}


def test_a_second_one_leaves_it_to_the_next_run(stage: Stage) -> None:
    run = stage.settling("15s")
    stage.host.kill(run, signal.SIGINT)
    assert run.stderr is not None
    assert any("is being put back" in line for line in run.stderr)
    stage.host.kill(run, signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "goes on from here" in said
    stage.define(update='settle = "1s"')
    stage.beacon("update", status=None)
    assert stage.state()["rollout"] is None
    assert stage.agrees() in {"1", "2"}
