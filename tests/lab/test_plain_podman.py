"""A Podman that says it is older than Quadlet: plain units, the same story, and the upgrade to Quadlet.

It is Debian 13's Podman in truth; what 4.3 does not know is kept out by the golden cases.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.lab.conftest import FreshHost
from tests.lab.host import wait_until
from tests.lab.images import ImageConfig
from tests.lab.stage import Stage
from tests.lab.test_docker import HEALTHCHECK, tell_story

WRAPPER = """\
#!/bin/sh
[ "$*" != --version ] || exec echo podman version 4.3.1
exec /usr/bin/podman "$@"
"""


class OldStage(Stage):
    """A host with an older Podman as a stage for services."""

    def agrees(self, name: str = "web") -> str:
        """Return the version of a service that is at rest, with state, file, unit and container at one."""
        state, live = self.state(name), self.live(name)
        assert state["rollout"] is None
        assert live["state"] == "live"
        assert f"@{live['digest']}\n" in self.host.read(f"/etc/systemd/system/beacon-{name}.service")
        unit = self.show(f"beacon-{name}.service", "ActiveState", "NeedDaemonReload")
        assert unit == {"ActiveState": "active", "NeedDaemonReload": "no"}
        assert self.running(name)["ImageName"].endswith(live["digest"])
        wait_until(lambda: self.version(name))
        return self.version(name)


@pytest.fixture
def old(fresh_host: FreshHost) -> OldStage:
    """Return a host whose Podman says that it is 4.3.1."""
    host = fresh_host("old")
    host.write("/usr/local/bin/podman", WRAPPER, 0o755)
    return OldStage(host)


def test_the_story_is_the_same_as_with_quadlet(old: OldStage, stage: Stage) -> None:
    assert tell_story(old) == tell_story(stage)
    assert old.host.run("find", "/etc/systemd/system", "-name", "beacon-web*").stdout == ""
    assert old.host.run("podman", "ps", "--all", "--quiet").stdout == ""


def test_a_health_check_holds_the_start(old: OldStage) -> None:
    old.push(config=ImageConfig(healthcheck=HEALTHCHECK), broken="slow")
    old.define()
    old.apply()
    old.push(version="2", config=ImageConfig(healthcheck=HEALTHCHECK), broken="unhealthy")
    said = json.loads(old.beacon("update", "--json", status=20).stdout)["services"]
    assert said[0]["detail"] == "its health check fails; release 1 is back"


def test_services_start_after_a_power_cut(old: OldStage) -> None:
    old.deploy("web")
    old.host.power_cut()
    wait_until(lambda: old.version() == "1", 30)


def test_an_upgrade_of_podman_makes_quadlet_files_of_plain_units(old: OldStage) -> None:
    old.push()
    old.define(top='networks = ["back"]', more='[[volume]]\nname = "data"\npath = "/data"')
    old.apply()
    assert old.agrees() == "1"
    old.host.run("podman", "exec", "beacon-web", "sh", "-c", "echo kept >/data/file")
    old.host.run("rm", "/usr/local/bin/podman")
    assert old.apply() == {"web": "updated"}
    assert Stage.agrees(old) == "1"
    assert old.host.run("find", "/etc/systemd/system", "-name", "beacon-*").stdout == ""
    assert old.host.run("podman", "exec", "beacon-web", "cat", "/data/file").stdout == "kept\n"
    assert re.fullmatch("nothing to do\n", old.beacon("plan").stdout)
