"""What its owner asks of a service that another Beacon is rolling out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from beacon.errors import ExitStatus
from tests.lab.faulty_registry import Delay, FaultyRegistry
from tests.lab.host import wait_until
from tests.lab.stage import Stage

WEB = "/etc/containers/systemd/beacon-web.container"
Run = subprocess.Popen[str]


@pytest.fixture
def run(stage: Stage) -> Iterator[Run]:
    """Return an update that watches how the second release of web settles."""
    update = stage.settling("5s")
    yield update
    update.communicate(timeout=60)


def test_what_is_removed_is_gone_once_the_rollout_has_turned_back(stage: Stage, run: Run) -> None:
    assert "removed" in stage.beacon("rm", "web").stdout
    said, _ = run.communicate(timeout=60)
    assert "its owner removed it meanwhile" in said
    assert stage.version() == ""
    assert stage.active() == "inactive"
    assert not stage.host.exists(WEB)
    assert not stage.host.exists("/var/lib/beacon/services/web.json")
    assert stage.engine("ps", "--all", "--quiet") == ""
    assert json.loads(stage.beacon("status", "--json").stdout)["services"] == []
    assert stage.beacon("plan").stdout == "nothing to do\n"


def test_a_definition_that_is_gone_is_left_to_the_next_apply(stage: Stage, run: Run) -> None:
    stage.host.run("rm", "/etc/beacon/services/web.toml")
    done = stage.beacon("apply", status=ExitStatus.TEMPFAIL)
    assert "at work on 'web'" in done.stdout
    assert "beacon apply web" in done.stderr
    run.communicate(timeout=60)
    assert stage.agrees() == "2"
    assert stage.apply() == {"web": "removed"}
    assert stage.active() == "inactive"


def test_a_changed_definition_is_not_said_to_be_applied(stage: Stage, run: Run) -> None:
    stage.define(update='settle = "1s"', more='[env]\nGREETING = "hello"')
    done = stage.beacon("apply", "web", status=ExitStatus.TEMPFAIL)
    assert "at work on 'web'" in done.stdout
    assert "beacon apply web" in done.stderr
    run.communicate(timeout=60)
    assert stage.agrees() == "2"
    assert "GREETING" not in stage.host.read(WEB)
    assert stage.apply() == {"web": "updated"}
    assert "GREETING=hello" in stage.host.read(WEB)


def test_a_restart_by_name_waits_and_disturbs_no_rollout(stage: Stage, run: Run) -> None:
    done = stage.beacon("restart", "web")
    assert "waiting, another beacon" in done.stderr
    assert run.wait(60) == 0
    assert stage.agrees() == "2"
    assert stage.state()["quarantine"] == []


NEVER_HEALTHY = '[health]\ncommand = "test $(cat /www/version) = 1"\ninterval = "1s"\nretries = 120'


def waiting_to_be_healthy(stage: Stage) -> Run:
    """Return an update whose second release is not healthy, and may take two minutes to become so."""
    stage.push()
    stage.define(more=NEVER_HEALTHY)
    stage.apply()
    stage.push(version="2")
    run = stage.start("beacon", "update", "--json")
    wait_until(lambda: stage.step() == "restart" and stage.active() == "activating", 60)
    return run


@pytest.mark.every_kind
def test_who_stops_a_service_has_its_rollout_turn_back(stage: Stage) -> None:
    run = waiting_to_be_healthy(stage)
    assert "waiting, another beacon" in stage.beacon("stop", "web", timeout=40).stderr
    assert "its owner stopped it meanwhile" in run.communicate(timeout=60)[0]
    assert stage.active() == "inactive"
    assert (stage.live()["number"], stage.state()["quarantine"]) == (1, [])
    stage.beacon("start", "web")
    assert stage.agrees() == "1"


def test_who_holds_a_service_has_its_rollout_turn_back(stage: Stage) -> None:
    run = waiting_to_be_healthy(stage)
    stage.beacon("hold", "web", timeout=40)
    assert "its owner held it meanwhile" in run.communicate(timeout=60)[0]
    assert (stage.agrees(), stage.state()["quarantine"]) == ("1", [])


def test_there_is_no_way_back_before_the_rollout_has_ended(stage: Stage, run: Run) -> None:
    done = stage.beacon("rollback", "web", status=ExitStatus.TEMPFAIL)
    assert "rolling out release 2 of web" in done.stderr
    assert run.wait(60) == 0
    assert stage.agrees() == "2"
    stage.beacon("rollback", "web")
    assert stage.agrees() == "1"


def test_a_hook_does_not_wait_for_its_own_rollout(stage: Stage) -> None:
    stage.push()
    stage.define(more='[hooks]\nafter_update = ["beacon", "restart", "web"]')
    stage.apply()
    stage.push(version="2")
    stage.beacon("update", timeout=60)  # a hook may take five minutes
    assert "status=75/TEMPFAIL" in stage.journal("--output=cat")
    assert stage.agrees() == "2"


@pytest.mark.every_kind
def test_a_release_that_is_stopped_before_it_has_settled_is_not_a_bad_one(stage: Stage) -> None:
    update = stage.settling("3s")
    stage.systemctl("stop", "beacon-web.service")
    said, _ = update.communicate(timeout=60)
    (outcome,) = json.loads(said)["services"]
    assert (outcome["outcome"], outcome["hint"], update.returncode) == ("stopped", "beacon start web", 0)
    assert (stage.active(), stage.version()) == ("inactive", "")
    assert (stage.live()["number"], stage.state()["quarantine"]) == (1, [])
    assert stage.logged()[-1] == "deferred"
    stage.beacon("start", "web")
    assert stage.agrees() == "1"
    assert stage.update() == {"web": "updated"}
    assert stage.agrees() == "2"


def test_a_release_that_is_restarted_before_it_has_settled_is_watched_anew(stage: Stage, run: Run) -> None:
    stage.systemctl("restart", "beacon-web.service")
    assert run.wait(60) == 0
    assert stage.agrees() == "2"
    assert stage.state()["quarantine"] == []


def test_a_service_that_is_stopped_after_its_update_was_killed_stays_stopped(stage: Stage, run: Run) -> None:
    stage.run("pkill", "--signal=KILL", "--full", "beacon update")
    run.wait(60)
    stage.systemctl("stop", "beacon-web.service")
    assert stage.update() == {"web": "stopped"}
    assert stage.active() == "inactive"
    stage.beacon("start", "web")
    assert stage.agrees() == "1"
    assert stage.state()["quarantine"] == []


def test_a_start_that_is_canceled_by_a_stop_says_nothing_of_the_release(stage: Stage) -> None:
    run = waiting_to_be_healthy(stage)
    stage.systemctl("stop", "beacon-web.service")
    assert '"stopped"' in run.communicate(timeout=60)[0]
    assert stage.active() == "inactive"
    assert (stage.live()["number"], stage.state()["quarantine"]) == (1, [])
    stage.beacon("start", "web")
    assert stage.agrees() == "1"


def test_what_is_stopped_while_its_image_is_pulled_stays_stopped(
    stage: Stage, faulty_registry: FaultyRegistry
) -> None:
    stage.push()
    stage.define(image=f"{faulty_registry.address}/me/web:latest")
    stage.apply()
    second = f"{faulty_registry.address}/me/web@{stage.push(version='2').digest}"
    faulty_registry.when("/blobs/", Delay(2))
    run = stage.start("beacon", "update", "--json")
    wait_until(lambda: stage.step() == "pulling", 60)
    stage.systemctl("stop", "beacon-web.service")
    assert '"stopped by its owner meanwhile"' in run.communicate(timeout=60)[0]
    assert stage.active() == "inactive"
    assert second in stage.image_names(), "it is there for the next try"
    stage.beacon("start", "web")
    assert stage.agrees() == "1"
    stage.push(version="3")
    assert stage.update() == {"web": "updated"}
    assert stage.agrees() == "3"
    assert second not in stage.image_names()


def test_a_hook_that_outlives_the_update_is_awaited_and_asked_anew(stage: Stage) -> None:
    stage.push()
    stage.define(more='[hooks]\nbefore_update = ["sh", "-c", "sleep 4; echo asked >>/srv/asked"]')
    stage.apply()
    stage.push(version="2")
    run = stage.start("beacon", "update")
    wait_until(lambda: stage.active("beacon-hook.web.service") == "active", 60)
    stage.host.kill(run)
    run.communicate(timeout=20)
    assert stage.update(status=ExitStatus.TEMPFAIL) == {"web": "deferred"}
    assert stage.host.read("/srv/asked").splitlines() == ["asked"]
    assert stage.agrees() == "1"
    assert stage.update() == {"web": "updated"}
    assert stage.host.read("/srv/asked").splitlines() == ["asked"] * 2
    assert stage.agrees() == "2"
    stage.host.run("rm", "/srv/asked")
