"""A hook that stops the service, to make a backup of what does not change: all is up in the end."""

from __future__ import annotations

from beacon.errors import ExitStatus
from tests.lab.stage import Stage


def define(stage: Stage, hook: str) -> None:
    stage.define("db", more=f"[hooks]\nbefore_update = {hook}")
    stage.apply()


def test_what_a_hook_stops_is_started_again_however_the_rollout_ends(stage: Stage) -> None:
    stage.push("db")
    stage.push("web")
    stage.define("web", top='needs = ["db"]')
    define(stage, '["systemctl", "stop", "beacon-db.service"]')

    stage.push("db", "2")
    assert stage.update()["db"] == "updated"
    assert (stage.agrees("db"), stage.agrees("web")) == ("2", "1")

    stage.push("db", "3", broken="exit")
    assert stage.update(status=ExitStatus.ROLLED_BACK)["db"] == "rolled_back"
    assert (stage.agrees("db"), stage.agrees("web")) == ("2", "1")

    define(stage, '["sh", "-c", "systemctl stop beacon-db.service; echo no room for a backup >&2; exit 1"]')
    stage.push("db", "4")
    done = stage.beacon("update", status=ExitStatus.TEMPFAIL)
    assert "no room for a backup" in done.stdout
    assert (stage.agrees("db"), stage.agrees("web")) == ("2", "1")


def test_a_hook_that_asks_beacon_itself_hears_what_to_do(stage: Stage) -> None:
    stage.push("db")
    define(stage, '["beacon", "stop", "db"]')
    stage.push("db", "2")
    done = stage.beacon("update", status=ExitStatus.TEMPFAIL)
    assert "in a hook: systemctl stop beacon-db.service" in done.stdout
    assert stage.agrees("db") == "1"
