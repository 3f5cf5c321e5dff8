"""Plain units of Podman 4.3: what starts at boot, and the upgrade to Quadlet."""

from __future__ import annotations

import pytest

from tests.lab.conftest import FreshHost
from tests.lab.host import wait_until
from tests.lab.kinds import OLD_PODMAN, Kind
from tests.lab.stage import Stage

WRAPPER = """\
#!/bin/sh
[ "$*" != --version ] || exec echo podman version 4.3.1
exec /usr/bin/podman "$@"
"""


@pytest.fixture
def kind() -> Kind:
    """Return the kind of the shared host here."""
    return OLD_PODMAN


@pytest.mark.parametrize("after", [0, 0.02, 0.04], ids="{} s".format)
def test_a_start_that_is_cut_while_it_has_the_port_leaves_none_that_leads_nowhere(
    stage: Stage, after: float
) -> None:
    """What a rollback does to an image that crashes: it is being started again when its unit is stopped."""
    stage.deploy("web")
    cut = f"until pgrep -x netavark; do :; done; sleep {after}; systemctl stop beacon-web"
    for _ in range(3):
        stage.systemctl("stop", "beacon-web")
        assert dead_ports(stage) == []
        stage.systemctl("start", "--no-block", "beacon-web")
        stage.run("timeout", "20", "sh", "-c", cut)
    assert dead_ports(stage) == []
    stage.systemctl("reset-failed", "beacon-web")
    stage.systemctl("start", "beacon-web")
    wait_until(lambda: stage.version() == "1")


def dead_ports(stage: Stage) -> list[str]:
    """Return the rules that lead to containers of a service that is stopped."""
    rules = stage.run("iptables", "-t", "nat", "-S").stdout.splitlines()
    return [rule for rule in rules if "DNAT --to" in rule]


def test_services_start_after_a_power_cut(stage: Stage) -> None:
    stage.deploy("web")
    stage.host.power_cut()
    wait_until(lambda: stage.version() == "1", 30)


def test_an_upgrade_of_podman_makes_quadlet_files_of_plain_units(fresh_host: FreshHost) -> None:
    """Until the upgrade, this Podman only says that it is 4.3."""
    host = fresh_host("upgraded")
    host.write("/usr/local/bin/podman", WRAPPER, 0o755)
    stage, upgraded = Stage(host, OLD_PODMAN), Stage(host)
    stage.push()
    stage.define(top='networks = ["back"]', more='[[volume]]\nname = "data"\npath = "/data"')
    stage.apply()
    assert stage.agrees() == "1"
    stage.engine("exec", "beacon-web", "sh", "-c", "echo kept >/data/file")
    host.run("rm", "/usr/local/bin/podman")
    assert upgraded.apply() == {"web": "updated"}
    assert upgraded.agrees() == "1"
    assert host.run("find", "/etc/systemd/system", "-name", "beacon-*").stdout == ""
    assert upgraded.engine("exec", "beacon-web", "cat", "/data/file") == "kept\n"
    assert upgraded.beacon("plan").stdout == "nothing to do\n"
