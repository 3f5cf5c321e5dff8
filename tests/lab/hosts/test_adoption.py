"""Containers are adopted with all their data, from either engine, or refused before they are stopped."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping

import pytest

from beacon.engine.firewall import LET_THROUGH
from tests.lab.host import LabHost, wait_until
from tests.lab.images import ImageConfig
from tests.lab.kinds import DOCKER
from tests.lab.stage import REGISTRY, SETTLE, Stage
from tests.lab.trees import Picture, plant, tree

CONFIG = ImageConfig(volumes=("/data",), labels={"io.beacon.update.settle": SETTLE})
PATHS = ("/data", "/more", "/kept")
IMAGE = f"{REGISTRY}/me/old:latest"
USAGE = 2


def run_old(stage: Stage, name: str = "old", engine: str | None = None) -> dict[str, Picture]:
    """Run a container with data in a VOLUME of its image, in one of its own and in a named one."""
    engine = engine or stage.kind.engine
    stage.push("old", config=CONFIG)
    volumes = ("--volume=/more", f"--volume=kept-{name}:/kept")
    stage.run(engine, "run", "--detach", "--restart=always", f"--name={name}", *volumes, IMAGE)
    plant(stage, name, *PATHS, engine=engine)
    return tree(stage, name, *PATHS, engine=engine)


def sources(stage: Stage, name: str, engine: str) -> dict[str, str]:
    """Return path → volume of a container."""
    (old,) = json.loads(stage.run(engine, "container", "inspect", name).stdout)
    return {mount["Destination"]: mount["Name"] for mount in old["Mounts"]}


def reboot(stage: Stage) -> None:
    """Boot again; what a user's services wait for is made as for every user of the lab."""
    stage.host.reboot()
    if stage.user:
        stage.host.run(
            "sh", "-c", "[ -e /dev/fuse ] || mknod /dev/fuse c 10 229; chmod 666 /dev/fuse /dev/net/tun"
        )
        stage.host.run("systemctl", "start", "network-online.target")
        wait_until(lambda: stage.host.exists(f"/run/user/{stage.user.uid}/bus"))  # type: ignore[union-attr]


def live_on(stage: Stage, before: Mapping[str, Picture]) -> None:
    """Do all that happens to a service, and find its data as it was each time."""

    def now() -> dict[str, Picture]:
        return tree(stage, "beacon-old", *PATHS)

    assert now() == before
    stage.beacon("restart", "old")
    assert now() == before
    stage.systemctl("stop", "beacon-old")
    stage.systemctl("start", "beacon-old")
    assert now() == before
    reboot(stage)
    wait_until(lambda: stage.active("beacon-old.service") == "active", 60)
    assert now() == before
    stage.push("old", "2", config=CONFIG)
    assert stage.update() == {"old": "updated"}
    assert now() == before
    stage.beacon("rollback", "old")
    assert now() == before
    definition = stage.host.read(stage.definition("old"))
    stage.beacon("rm", "old")
    stage.write(stage.definition("old"), definition)
    assert stage.apply("old") == {"old": "installed"}
    assert now() == before


@pytest.mark.every_kind
def test_what_is_adopted_has_its_data_for_good(stage: Stage) -> None:
    before = run_old(stage)
    had = sources(stage, "old", stage.kind.engine)
    dry = json.loads(stage.beacon("import", "--container", "old", "--dry-run", "--json").stdout)
    assert [(note["key"], note["kind"]) for note in dry["report"]] == [("Mounts", "changed")] * 2
    said = stage.beacon("import", "--container", "old", "--adopt").stderr
    assert f"{stage.kind.engine} keeps what it had in" in said
    assert stage.run(stage.kind.engine, "container", "inspect", "old", check=False).returncode
    assert stage.beacon("plan").stdout == "nothing to do\n"
    has = sources(stage, "beacon-old", stage.kind.engine)
    assert has == {"/data": "beacon-old-data", "/more": "beacon-old-more", "/kept": "kept-old"}
    assert stage.beacon("doctor", status=None).stdout.count("never had a name") == 0
    live_on(stage, before)
    kept = stage.engine("volume", "ls", "--quiet").split()
    assert set(had.values()) <= set(kept)


@pytest.mark.parametrize(("former", "engine"), [("docker", "podman"), ("podman", "docker")])
def test_a_container_of_the_other_engine_brings_its_data(
    both_engines: LabHost, former: str, engine: str
) -> None:
    stage = Stage(both_engines, DOCKER if engine == "docker" else Stage(both_engines).kind)
    stage.host.write("/etc/beacon/beacon.toml", f'engine = "{engine}"\n')
    for rule in LET_THROUGH:
        stage.host.run(*rule.split())
    before = run_old(stage, engine=former)
    had = sources(stage, "old", former)
    stage.beacon("import", "--container", "old", "--adopt")
    assert stage.run(former, "container", "inspect", "old", check=False).returncode
    kept = stage.run(former, "volume", "ls", "--quiet").stdout.split()
    assert set(had.values()) <= set(kept)
    stage.host.run(
        "sh", "-c", "systemctl disable --now docker docker.socket" if engine == "podman" else "true"
    )
    live_on(stage, before)


def test_what_would_be_lost_is_refused_while_the_container_runs(stage: Stage) -> None:
    run_old(stage)
    stage.engine(
        "exec", "old", "sh", "-c", "echo own > /own; mkdir /var; echo x > /var/file; echo y > /run/pid"
    )

    def refused(*more: str, status: int = USAGE) -> str:
        said = stage.beacon("import", "--container", "old", "--adopt", *more, status=status).stderr
        assert stage.engine("inspect", "--format={{.State.Running}}", "old") == "true\n"
        assert not stage.host.exists(stage.definition("old"))
        assert not stage.host.run("find", "/var/lib/beacon/adoptions", "-name", "*.json", check=False).stdout
        return said

    said = refused()
    assert "cannot adopt old: what is in no volume would go with it: /own, /var/file\n" in said
    assert "--discard-layer" in said
    dry = stage.beacon("import", "--container", "old", "--dry-run").stderr
    assert "diff: not carried over: /own, /var/file, in no volume" in dry
    stage.engine("volume", "create", "beacon-old-more")
    assert "podman has a volume beacon-old-more already" in refused("--discard-layer", status=71)
    stage.engine("volume", "rm", "beacon-old-more")
    stage.engine("run", "--detach", "--name=other", "--volumes-from=old", "--entrypoint=/bin/web", IMAGE)
    assert "is mounted by other as well" in refused("--discard-layer", status=71)
    stage.engine("rm", "--force", "--time=0", "other")
    before = tree(stage, "old", *PATHS)
    stage.beacon("import", "--container", "old", "--adopt", "--discard-layer")
    assert tree(stage, "beacon-old", *PATHS) == before


def test_what_a_container_writes_when_it_ends_is_not_lost_either(stage: Stage) -> None:
    last = "trap 'echo late > /last; exit 0' TERM; while :; do sleep 0.1; done"
    stage.push("old", config=CONFIG)
    stage.engine("run", "--detach", "--name=old", "--entrypoint=sh", IMAGE, "-c", last)
    said = stage.beacon("import", "--container", "old", "--adopt", status=USAGE).stderr
    assert "would go with it: /last" in said
    assert "the container old is as it was" in said
    assert stage.engine("exec", "old", "cat", "/last") == "late\n"
    assert not stage.host.exists(stage.definition("old"))


KILLS = [("fsync", number) for number in (1, 2, 3, 4, 6, 8, 10, 12, 14, 16)] + [("?vfork,?fork,clone", 25)]


def test_killed_at_any_instant_the_data_is_in_the_service_or_in_the_container(stage: Stage) -> None:
    points = {f"old{number}": point for number, point in enumerate(KILLS)}
    before = {name: run_old(stage, name) for name in points}
    runs = {
        name: stage.host.start_doomed(*point, "beacon", "import", "--container", name, "--adopt")
        for name, point in points.items()
    }
    for run in runs.values():
        run.communicate(timeout=180)
    killed = {name for name, run in runs.items() if run.returncode == -signal.SIGKILL}
    assert len(killed) >= len(points) - 2
    steps = {name: stage.step(name) for name in points}
    assert "copy" in steps.values(), steps
    stage.beacon("import", "--adopt", timeout=180)
    ended = {}
    for name, point in points.items():
        ended[name] = stands = stage.host.exists(stage.definition(name))
        here, gone = (f"beacon-{name}", name) if stands else (name, f"beacon-{name}")
        assert tree(stage, here, *PATHS) == before[name], (point, steps[name])
        assert stage.run("podman", "container", "exists", gone, check=False).returncode == 1, point
        restart = stage.engine("inspect", "--format={{.HostConfig.RestartPolicy.Name}}", here).strip()
        assert stands or restart == "always", point
        if not stands:  # nothing of the try is left
            assert f"beacon-{name}-" not in stage.engine("volume", "ls", "--quiet"), point
    assert set(ended.values()) == {True, False}, ended
    assert not stage.host.run("find", "/var/lib/beacon/adoptions", "-name", "*.json").stdout
    assert stage.beacon("plan").stdout == "nothing to do\n"
