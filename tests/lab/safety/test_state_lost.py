"""What Beacon remembers is lost, in whole or in part: what runs goes on, and is followed again."""

from __future__ import annotations

import json

import pytest

from tests.lab.host import wait_until
from tests.lab.images import ImageConfig
from tests.lab.kinds import OLD_PODMAN, ROOTLESS
from tests.lab.stage import SETTLE, Stage

pytestmark = pytest.mark.every_kind
TWO_KINDS = pytest.mark.not_on(ROOTLESS, OLD_PODMAN, why="the first test is told there too")

USAGE, OSERR, TEMPFAIL = 2, 71, 75


WITH_DATA = ImageConfig(volumes=("/data",), labels={"io.beacon.update.settle": SETTLE})


def two_releases(stage: Stage) -> None:
    """Have release 2 of web run, with data in a volume."""
    stage.push(config=WITH_DATA)
    stage.define()
    stage.apply()
    stage.push(version="2", config=WITH_DATA)
    stage.update()
    stage.engine("exec", "beacon-web", "/bin/sh", "-c", "echo precious > /data/table")


def lose(stage: Stage) -> None:
    stage.run("rm", "-rf", stage.memory)


def test_what_runs_is_taken_over_by_the_timer_without_a_restart(stage: Stage) -> None:
    two_releases(stage)
    before = stage.invocations("web")
    lose(stage)
    assert "nothing is remembered of it" in stage.beacon("status").stdout
    stage.systemctl("start", "beacon-update.service")
    assert stage.logged()[-1] == "taken-over"
    assert stage.invocations("web") == before
    assert (stage.agrees(), stage.live()["number"]) == ("2", 2)
    assert stage.apply() == {"web": "unchanged"}
    assert stage.update() == {"web": "up_to_date"}
    assert stage.logged().count("taken-over") == 1
    said = stage.beacon("rollback", "web", status=USAGE)
    assert "is not known: its state was lost" in said.stderr
    stage.push(
        version="3", config=ImageConfig(volumes=("/data",), labels={"io.beacon.update.settle": SETTLE})
    )
    assert stage.update() == {"web": "updated"}
    assert (stage.agrees(), stage.live()["number"]) == ("3", 3)
    assert stage.engine("exec", "beacon-web", "cat", "/data/table").strip() == "precious"
    stage.beacon("rollback", "web")
    assert stage.agrees() == "2"


@TWO_KINDS
def test_a_machine_of_which_only_etc_was_restored_comes_up_by_the_timer(stage: Stage) -> None:
    two_releases(stage)
    stage.systemctl("stop", "beacon-web.service")
    stage.engine("rmi", "--force", *stage.engine("images", "--quiet", "--no-trunc").split())
    lose(stage)
    stage.push(version="3", config=WITH_DATA)
    stage.host.reboot()
    stage.systemctl("start", "beacon-update.service")
    # The boot's own run may still be at its gate.
    wait_until(lambda: stage.version() == "2" and stage.state()["live"] == 2, 60)
    assert (stage.agrees(), stage.live()["number"]) == ("2", 2)
    stage.host.power_cut()
    assert stage.update() == {"web": "updated"}
    assert stage.agrees() == "3"
    assert stage.engine("exec", "beacon-web", "cat", "/data/table").strip() == "precious"


@TWO_KINDS
def test_a_definition_that_was_changed_too_waits_until_it_is_applied(stage: Stage) -> None:
    two_releases(stage)
    before = stage.invocations("web")
    stage.define(more='[env]\nGREETING = "hello"')
    lose(stage)
    stage.push(version="3", config=WITH_DATA)
    assert stage.update(status=TEMPFAIL) == {"web": "deferred"}
    assert stage.invocations("web") == before
    found = json.loads(stage.beacon("doctor", "--json", status=None).stdout)["findings"]
    assert any("taken over after its state was lost" in one["what"] for one in found)
    assert stage.apply() == {"web": "updated"}
    assert (stage.agrees(), stage.live()["number"]) == ("2", 3)
    assert stage.update() == {"web": "updated"}


@TWO_KINDS
def test_a_state_that_is_cut_off_is_named_and_the_others_go_on(stage: Stage) -> None:
    stage.deploy("web", "api")
    before = stage.invocations("web")
    path = f"{stage.memory}/services/web.json"
    stage.run("truncate", "--size=100", path)
    stage.push("api", "2")
    said = stage.beacon("update", status=1)
    assert path in said.stdout
    assert "move the file away and run beacon apply" in said.stderr
    assert stage.agrees("api") == "2"
    stage.define("api", more='[env]\nGREETING = "hello"')
    assert stage.apply(status=1) == {"api": "updated", "web": "failed"}
    shown = stage.beacon("status", status=OSERR)
    assert f"web: cannot understand {path}" in shown.stderr
    assert "api" in shown.stdout
    stage.run("rm", path)
    assert stage.apply() == {"api": "unchanged", "web": "unchanged"}
    assert (stage.agrees(), stage.invocations("web")) == ("1", before)


@TWO_KINDS
def test_what_is_not_followed_is_named(stage: Stage) -> None:
    stage.deploy("web", "api", "new")
    lose(stage)
    stage.run("rm", stage.definition("api"))
    found = json.loads(stage.beacon("doctor", "--json", status=None).stdout)["findings"]
    said = [one["what"] for one in found]
    assert "installed, but nothing is remembered of it: new, web" in said
    assert any(one.endswith("is of a service that is neither defined nor remembered") for one in said)
    stage.define("later")
    ends = stage.update()
    assert ends == {"web": "up_to_date", "new": "up_to_date", "api": "held", "later": "held"}
    assert stage.version("api") == "1"


@TWO_KINDS
def test_ports_and_domains_that_were_chosen_stay(stage: Stage) -> None:
    stage.push()
    stage.define(port=False, more='[[endpoint]]\ndomain = "auto"\nport = 8080')
    stage.apply()
    before, chosen = stage.invocations("web"), (stage.live()["ports"], stage.live()["domain"])
    assert all(chosen)
    lose(stage)
    assert stage.apply() == {"web": "unchanged"}
    assert (stage.live()["ports"], stage.live()["domain"]) == chosen
    assert stage.invocations("web") == before
