"""Services of ordinary users on Debian 12, whose Podman has no Quadlet.

Its Podman 4.3 leaves the unit that it is started in where the kernel has control groups of version 1 too, as
the kernels below test hosts may. Debian 12 has none.
"""

from __future__ import annotations

from tests.lab.ground import BOOKWORM
from tests.lab.host import wait_until
from tests.lab.images import ImageConfig
from tests.lab.kinds import Kind
from tests.lab.stage import SETTLE, Stage
from tests.vm.machine import VirtualHost

OLD_ROOTLESS = Kind("rootless-4.3", suite=BOOKWORM, quadlet=False, rootless=True)
ROLLED_BACK = 20
PATIENCE = 60.0
"""Seconds for what takes one on a real machine."""


def test_a_user_s_service_follows_its_image_and_survives_a_bad_one(old_machine: VirtualHost) -> None:
    old_machine.run("systemctl", "start", "network-online.target")
    stage = Stage(old_machine, OLD_ROOTLESS, old_machine.add_user())
    settled = ImageConfig(labels={"io.beacon.update.settle": SETTLE})
    image = stage.push(config=settled)
    stage.beacon("add", "web", image.tagged, "--port", f"{stage.port('web')}:8080")
    wait_until(stage.version, PATIENCE)
    assert stage.agrees() == "1"

    stage.push(version="2", config=settled)
    assert stage.update() == {"web": "updated"}
    wait_until(stage.version, PATIENCE)
    assert stage.agrees() == "2"

    stage.push(version="3", config=settled, broken="exit")
    assert stage.update(status=ROLLED_BACK) == {"web": "rolled_back"}
    wait_until(stage.version, PATIENCE)
    assert stage.agrees() == "2"
    assert stage.update() == {"web": "quarantined"}

    stage.beacon("rollback", "web")
    wait_until(stage.version, PATIENCE)
    assert stage.agrees() == "1"

    old_machine.power_cut()
    wait_until(lambda: stage.active() == "active", PATIENCE)
    assert stage.agrees() == "1"

    stage.beacon("rm", "web")
    assert stage.engine("ps", "--all", "--quiet") == ""
