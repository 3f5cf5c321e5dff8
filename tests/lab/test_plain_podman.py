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
