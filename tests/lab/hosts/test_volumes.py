"""Volumes that never had a name: Podman deletes them with their container, Beacon keeps them."""

from __future__ import annotations

import json
import signal

import pytest

from tests.lab.host import wait_until
from tests.lab.images import ImageConfig
from tests.lab.kinds import DOCKER
from tests.lab.stage import REGISTRY, SETTLE, Stage
from tests.lab.trees import plant, tree

CONFIG = ImageConfig(volumes=("/data",), labels={"io.beacon.update.settle": SETTLE})
DOCTOR_ERROR, DATAERR = 31, 65


def unnamed(stage: Stage, *names: str) -> dict[str, list[str]]:
    """Have services run on two volumes each without a name, as earlier Beacons could; return their ids."""
    ids: dict[str, list[str]] = {}
    standins = {
        name: [f"{kind}{number:x}".ljust(64, "0") for kind in "ab"] for number, name in enumerate(names)
    }
    for name in names:
        stage.push(name, config=CONFIG)
        ids[name] = planted(stage, f"{REGISTRY}/me/{name}:latest")
        stage.define(name, more=definition(*standins[name]))
    stage.apply()
    for name in names:
        for path in (stage.definition(name), f"{stage.memory}/services/{name}.json"):
            text = stage.host.read(path)
            for standin, volume in zip(standins[name], ids[name], strict=True):
                text = text.replace(standin, volume)
            stage.write(path, text)
    stage.apply()
    stage.engine("volume", "rm", *(one for pair in standins.values() for one in pair))
    return ids


def planted(stage: Stage, image: str) -> list[str]:
    """Return the volumes that a container leaves behind, with data in them: at /data and at /more."""
    stage.engine("run", "--detach", "--name=old", "--volume=/more", image)
    (old,) = json.loads(stage.engine("inspect", "old"))
    found = {mount["Destination"]: mount["Name"] for mount in old["Mounts"]}
    plant(stage, "old", "/data", "/more")
    stage.engine("kill", "old")
    stage.engine("rm", "--force", "old")
    return [found["/data"], found["/more"]]


def definition(data: str, more: str) -> str:
    """Return the tables of two volumes, in the words of somebody who keeps them tidy."""
    return f"""[[volume]]  # of the image
external = "{data}"
path = "/data"

[[volume]]
path     = "/more"
external = '{more}'   # precious
"""


@pytest.mark.every_kind
@pytest.mark.not_on(DOCKER)
def test_a_volume_without_a_name_outlives_its_service_and_is_given_one(stage: Stage) -> None:
    ids = unnamed(stage, "web")["web"]
    before = tree(stage, "beacon-web", "/data", "/more")
    said = stage.beacon("doctor", status=DOCTOR_ERROR).stdout
    assert "web has its data at /more in a volume that never had a name" in said
    assert "beacon adopt-volumes web" in said

    # Until it is mended, no verb of Beacon's loses it, nor does systemd's once the timer has run.
    stage.beacon("restart", "web")
    assert tree(stage, "beacon-web", "/data", "/more") == before
    stage.beacon("stop", "web")
    stage.beacon("start", "web")
    stage.push(version="2", config=CONFIG)
    assert stage.update() == {"web": "updated"}
    stage.systemctl("restart", "beacon-web")
    stage.beacon("rollback", "web")
    wait_until(lambda: stage.version() == "1")
    assert tree(stage, "beacon-web", "/data", "/more") == before

    steps = [step["action"] for step in json.loads(stage.beacon("plan", "--json").stdout)["steps"]]
    assert steps == []
    said = stage.beacon("adopt-volumes").stdout
    assert f"podman keeps what it had in {ids[0]}, {ids[1]}" in said
    text = stage.host.read(stage.definition())
    assert 'name = "data"\n' in text
    assert "name = 'more'   # precious" in text
    assert tree(stage, "beacon-web", "/data", "/more") == before
    assert stage.beacon("plan").stdout == "nothing to do\n"
    assert stage.beacon("doctor", status=None).stdout.count("never had a name") == 0
    kept = stage.engine("volume", "ls", "--quiet").split()
    assert {*ids, "beacon-web-data", "beacon-web-more"} <= set(kept)
    assert stage.engine("ps", "--all", "--format={{.Names}}") == "beacon-web\n"

    # The data goes on in the new volumes, whichever release runs.
    stage.engine("exec", "beacon-web", "sh", "-c", "echo new > /more/since")
    after = tree(stage, "beacon-web", "/data", "/more")
    stage.beacon("rollback", "web", "2")
    assert tree(stage, "beacon-web", "/data", "/more") == after
    stage.systemctl("restart", "beacon-web")
    assert tree(stage, "beacon-web", "/data", "/more") == after
    assert stage.beacon("adopt-volumes", "web").stderr == "every volume has a name\n"


def test_a_run_of_the_timer_keeps_what_an_earlier_beacon_left(stage: Stage) -> None:
    """Whoever stops a service after an upgrade, with systemctl or by a reboot."""
    unnamed(stage, "web")
    before = tree(stage, "beacon-web", "/data", "/more")
    keepers = stage.engine("ps", "--all", "--format={{.Names}}", "--filter=name=beacon-kept").split()
    assert len(keepers) == 2
    stage.engine("rm", *keepers)
    stage.systemctl("start", "beacon-update.service")
    stage.systemctl("restart", "beacon-web")
    assert tree(stage, "beacon-web", "/data", "/more") == before
    stage.beacon("rm", "web")
    assert stage.engine("ps", "--all", "--quiet") == ""
    assert len(stage.engine("volume", "ls", "--quiet").split()) == 2


@pytest.mark.parametrize("kind", [DOCKER], ids=str)
def test_docker_keeps_such_volumes_and_they_can_be_given_names(stage: Stage) -> None:
    stage.push(config=CONFIG)
    ids = planted(stage, f"{REGISTRY}/me/web:latest")
    stage.define(more=definition(*ids))
    stage.apply()
    before = tree(stage, "beacon-web", "/data", "/more")
    stage.systemctl("restart", "beacon-web")
    assert tree(stage, "beacon-web", "/data", "/more") == before
    stage.beacon("adopt-volumes", "web")
    assert tree(stage, "beacon-web", "/data", "/more") == before
    assert set(stage.engine("volume", "ls", "--quiet").split()) == {
        *ids,
        "beacon-web-data",
        "beacon-web-more",
    }


def test_a_volume_without_a_name_is_refused_before_anything_is_stopped(stage: Stage) -> None:
    stage.push(config=CONFIG)
    stage.define()
    stage.apply()
    started = stage.invocations("web")
    (mount,) = stage.running()["Mounts"]
    assert mount["Name"] == "beacon-web-data"
    stage.engine("run", "--name=old", "--entrypoint=true", f"{REGISTRY}/me/web:latest")
    (old,) = json.loads(stage.engine("inspect", "old"))
    volume = old["Mounts"][0]["Name"]
    stage.define(more=f'[[volume]]\nexternal = "{volume}"\npath = "/data"\n')
    for verb in ("plan", "apply"):
        said = stage.beacon(verb, status=DATAERR).stderr
        assert f"volume[0].external: must not be {volume}: it never had a name" in said
    stage.push(version="2", config=CONFIG)
    assert stage.invocations("web") == started
    stage.host.run("podman", "rm", "old")


KILLS = [("fsync", number) for number in (3, 7, 9, 11, 13)] + [("?vfork,?fork,clone", 20)]


def test_killed_at_any_instant_nothing_of_the_data_is_lost(stage: Stage) -> None:
    points = {f"web{number}": point for number, point in enumerate(KILLS)}
    unnamed(stage, *points)
    before = {name: tree(stage, f"beacon-{name}", "/data", "/more") for name in points}
    runs = {
        name: stage.host.start_doomed(*point, "beacon", "adopt-volumes", name)
        for name, point in points.items()
    }
    for run in runs.values():
        run.communicate(timeout=120)
    assert {run.returncode for run in runs.values()} == {-signal.SIGKILL}
    steps = {name: stage.step(name) for name in points}
    assert "copy" in steps.values(), steps
    stage.host.run("systemctl", "start", "beacon-update.service", timeout=180, check=False)
    stage.apply()
    for name, point in points.items():
        assert stage.agrees(name) == "1", point
        assert tree(stage, f"beacon-{name}", "/data", "/more") == before[name], (point, steps)
        mounted = {mount["Name"] for mount in stage.running(name)["Mounts"]}
        assert mounted == {f"beacon-{name}-data", f"beacon-{name}-more"}, point
    assert stage.beacon("plan").stdout == "nothing to do\n"
