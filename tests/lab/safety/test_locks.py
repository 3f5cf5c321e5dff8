"""Nobody else on the machine can keep Beacon from its work by a lock."""

from __future__ import annotations

import signal

from tests.lab.host import wait_until
from tests.lab.stage import Stage

LOCKS = "/run/beacon"
STRANGER = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


def test_a_stranger_s_lock_stops_no_update(stage: Stage) -> None:
    """One on a file that an older Beacon made, open for all to read, and one on a file that is new."""
    host = stage.host
    stage.deploy("web")
    assert host.run("stat", "--format=%a", LOCKS).stdout.strip() == "755"
    names = host.run("sh", "-c", f"ls {LOCKS}/*.lock").stdout.split()
    assert f"{LOCKS}/web.lock" in names
    for name in names:
        assert host.run("stat", "--format=%a %U", name).stdout == "600 root\n"
        assert host.run(*STRANGER, "flock", "--nonblock", name, "true", check=False).returncode
    host.run("chmod", "644", *names)
    hold = ("flock", "--shared", "--no-fork")
    holding = [host.start(*STRANGER, *hold, name, "sleep", "600") for name in names]
    held = "grep -c FLOCK /proc/locks"
    wait_until(lambda: int(host.run("sh", "-c", held, check=False).stdout) >= len(names))
    try:
        stage.push(version="2")
        assert stage.update() == {"web": "updated"}
        assert stage.agrees() == "2"
        assert host.run("stat", "--format=%a", f"{LOCKS}/web.lock").stdout.strip() == "600"
    finally:
        for one in holding:
            host.kill(one, signal.SIGTERM)
            one.communicate()
