"""Services do not stay down: those that wait for others, that lacked another, or that systemd gave up on."""

from __future__ import annotations

import pytest

from tests.lab.conftest import FreshHost
from tests.lab.host import wait_until
from tests.lab.images import ImageConfig
from tests.lab.stage import Stage

SLOW = 15
"""Seconds that a database takes until it answers; five starts, one second apart, are over before."""

LATE = ImageConfig(cmd=("sh", "-c", "sleep $(cat /late); exec /bin/web"))
ASKS_ONCE = ImageConfig(cmd=("sh", "-c", "wget -q -T 1 -O- http://db:8080/ || exit 1; exec /bin/web"))
"""Ends where its database does not answer, as most applications do."""

NETWORK = 'networks = ["back"]'
DELAY = '[[volume]]\nhost = "/srv/late"\npath = "/late"\n'
CHECKED = f"{DELAY}[health]\nhttp = {{ port = 8080 }}\n"


def push_all(stage: Stage, *names: str, more: str = CHECKED) -> None:
    """Push a database, which is defined with *more*, and services that exit until it answers."""
    stage.push("db", config=LATE)
    stage.define("db", top=NETWORK, port=False, more=more)
    for name in names:
        stage.push(name, config=ASKS_ONCE)


@pytest.mark.every_kind
def test_a_service_outlives_the_wait_for_its_database(stage: Stage) -> None:
    push_all(stage, "web", more=DELAY)
    stage.host.write("/srv/late", f"{SLOW}\n")
    stage.define("web", top=NETWORK)
    assert stage.apply(status=1) == {"db": "installed", "web": "failed"}
    wait_until(lambda: stage.version() == "1", SLOW + 15)
    assert int(stage.show("beacon-web.service", "NRestarts")["NRestarts"]) > 1


def test_after_a_boot_the_database_is_waited_for(fresh_host: FreshHost) -> None:
    """By exiting, or by `needs`, which knows of http health as well. No run of the timer has to help."""
    host = fresh_host()
    stage = Stage(host)
    host.write("/srv/late", "0\n")
    push_all(stage, "web", "shop")
    stage.define("web", top=NETWORK)
    stage.define("shop", top=f'{NETWORK}\nneeds = ["db"]')
    stage.apply("db")
    stage.apply()
    host.write("/srv/late", f"{SLOW}\n")
    host.run("systemctl", "disable", "beacon-update.timer")
    host.reboot()
    wait_until(lambda: (stage.version(), stage.version("shop")) == ("1", "1"), SLOW + 15)
    assert stage.show("beacon-shop.service", "NRestarts") == {"NRestarts": "0"}
    assert int(stage.show("beacon-web.service", "NRestarts")["NRestarts"]) > 1
    # A restart finds the database healthy already, and no time is lost.
    waited = stage.invocations("healthy@db")
    stage.beacon("restart", "shop")
    assert stage.invocations("healthy@db") == waited
    assert stage.active("beacon-healthy@db.service") == "active"


def test_needs_without_beacon(fresh_host: FreshHost) -> None:
    """Where Beacon is removed, or its command is broken, services start all the same."""
    host = fresh_host()
    stage = Stage(host)
    host.write("/srv/late", "0\n")
    push_all(stage, "shop")
    stage.define("shop", top=f'{NETWORK}\nneeds = ["db"]')
    stage.apply()
    host.write("/usr/bin/beacon", "#!/bin/sh\nexit 71\n", 0o755)
    host.reboot()
    wait_until(lambda: stage.version("shop") == "1", 30)
    host.run("rm", "/usr/lib/systemd/system/beacon-healthy@.service", "/usr/bin/beacon")
    host.reboot()
    wait_until(lambda: stage.version("shop") == "1", 30)


def test_what_systemd_gave_up_on_is_started_by_the_timer_s_run(stage: Stage) -> None:
    """Once a run, and reported; not what its owner stopped, and not what never stood."""
    limited = "[restart]\nlimit = 2\n"
    for name in ("web", "gone", "bad"):
        stage.push(name, config=ImageConfig(cmd=("sh", "-c", "cat /may/run && exec /bin/web")))
        stage.define(name, more=f'{limited}[[volume]]\nhost = "/srv/{name}"\npath = "/may"\n')
        stage.host.run("mkdir", f"/srv/{name}")
    stage.host.run("touch", "/srv/web/run", "/srv/gone/run")
    assert stage.apply(status=1) == {"web": "installed", "gone": "installed", "bad": "failed"}
    stage.beacon("stop", "gone")
    stage.host.run("rm", "/srv/web/run")
    stage.engine("kill", "--signal=KILL", "beacon-web")
    wait_until(lambda: [stage.active(f"beacon-{name}.service") for name in ("web", "bad")] == ["failed"] * 2)
    assert "web has failed" in stage.beacon("doctor", status=None).stdout

    assert stage.update(status=1) == {"web": "failed", "gone": "up_to_date", "bad": "held"}
    wait_until(lambda: stage.active() == "failed")
    stage.host.run("touch", "/srv/web/run")
    stage.systemctl("start", "beacon-update.service")
    assert stage.agrees() == "1"
    assert stage.logged()[-1] == "started-again"
    assert stage.active("beacon-gone.service") == "inactive"
    assert stage.active("beacon-bad.service") == "failed"
    stage.host.run("touch", "/srv/bad/run")
    assert stage.update() == {"web": "up_to_date", "gone": "up_to_date", "bad": "held"}


def test_what_lacked_a_unit_at_boot_is_started_once_that_is_up(fresh_host: FreshHost) -> None:
    host = fresh_host()
    stage = Stage(host)
    host.write("/etc/systemd/system/disk.service", "[Service]\nExecStart=sleep infinity\n")
    stage.push("web")
    stage.push("idle")
    stage.define("web", more='[podman.unit]\nBindsTo = "disk.service"\nAfter = "disk.service"\n')
    stage.define("idle")
    stage.apply()
    host.run("systemctl", "disable", "beacon-update.timer")
    host.write("/etc/systemd/system/disk.service", "[Service]\nType=oneshot\nExecStart=false\n")
    host.reboot()
    stage.beacon("stop", "idle")
    assert stage.active() == "inactive"
    assert "web was not started" in stage.beacon("doctor", status=None).stdout
    done = stage.update(status=75)
    assert done == {"web": "deferred", "idle": "up_to_date"}
    assert stage.active() == "inactive"

    host.write("/etc/systemd/system/disk.service", "[Service]\nExecStart=sleep infinity\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "disk")
    assert stage.update() == {"web": "started", "idle": "up_to_date"}
    assert stage.agrees() == "1"
    assert stage.active("beacon-idle.service") == "inactive"


def test_what_is_rendered_otherwise_by_now_is_left_to_apply(stage: Stage) -> None:
    """As after an upgrade of Beacon: a run of the timer restarts nothing for it, and changes no file."""
    stage.deploy("web")
    before, file = stage.invocations("web"), stage.host.read(stage.unit_file())
    template = stage.host.read("/usr/share/beacon/unit-templates/container.j2")
    stage.write(f"{stage.config}/unit-templates/container.j2", f"{template}\n# rendered otherwise\n")
    stage.systemctl("start", "beacon-update.service")
    assert stage.update() == {"web": "up_to_date"}
    assert (stage.invocations("web"), stage.host.read(stage.unit_file())) == (before, file)
    assert stage.apply() == {"web": "updated"}
    assert "rendered otherwise" in stage.host.read(stage.unit_file())
    stage.push("web", "2")
    assert stage.update() == {"web": "updated"}
