"""Containers that are not Beacon's: found in whichever engine has them, acted on, or left alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from beacon.engine.foreign import Containers, ForeignContainer, refuse_what_others_run
from beacon.errors import MachineError, UsageError
from beacon.model.unit import SERVICE_LABEL

ENGINE = """#!/bin/sh
echo "$*" >>"$0.log"
case "$*" in
    *nosuch) echo "Error: no such object: nosuch" >&2; exit 1 ;;
    "container inspect "*) cat "$0.json" ;;
    "container diff "*) echo "A /own"; echo "C /etc"; echo "A /run/pid" ;;
esac
"""


class Engines:
    """A folder of engines, each a script that knows one container."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # This machine may have engines of its own beside what the scripts need.
        (folder / "cat").symlink_to(shutil.which("cat") or "/bin/cat")
        self.containers = Containers({"PATH": str(folder)})

    def install(self, engine: str, inspected: Mapping[str, object] | None = None) -> None:
        path = self._folder / engine
        path.write_text(ENGINE)
        path.chmod(0o755)
        (self._folder / f"{engine}.json").write_text(json.dumps([inspected] if inspected else []))

    def asked(self, engine: str) -> list[str]:
        return (self._folder / f"{engine}.log").read_text().splitlines()


@pytest.fixture
def engines(tmp_path: Path) -> Engines:
    """Return a machine without engines."""
    return Engines(tmp_path)


def old(**inspected: object) -> ForeignContainer:
    return ForeignContainer("old", "podman", {}, inspected)


def test_the_engine_that_has_it_is_found(engines: Engines) -> None:
    engines.install("docker", {"Name": "/old"})
    found = engines.containers.find("old")
    assert (found.name, found.engine) == ("old", "docker")
    engines.install("podman", {"Name": "old"})
    assert engines.containers.find("old").engine == "podman"
    assert engines.containers.find("old", "docker").engine == "docker"


def test_what_is_nowhere_is_told(engines: Engines) -> None:
    with pytest.raises(UsageError, match="there is no container 'old' in podman nor docker"):
        engines.containers.find("old")
    with pytest.raises(MachineError, match="cannot find docker"):
        engines.containers.find("old", "docker")
    with pytest.raises(UsageError, match="--engine must be podman or docker, not 'lxc'"):
        engines.containers.find("old", "lxc")
    engines.install("podman")
    assert engines.containers.get("podman", "nosuch") is None
    assert engines.containers.get("podman", "old") is None


def test_it_is_stopped_for_good_and_brought_back_as_it_was(engines: Engines) -> None:
    engines.install("podman", {"Name": "old", "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}}})
    found = engines.containers.find("old")
    assert found.restart == "unless-stopped"
    found.let_lie()
    found.bring_back("unless-stopped", start=True)
    found.remove()
    assert engines.asked("podman")[1:] == [
        *("update --restart=no old", "stop old"),
        *("update --restart=unless-stopped old", "start old"),
        "rm old",
    ]


def test_only_what_would_be_lost_is_in_its_layer(engines: Engines) -> None:
    engines.install("podman", {"Name": "old", "Mounts": [{"Destination": "/data"}]})
    assert engines.containers.find("old").layer() == ("/own",)


def test_what_others_run_is_refused() -> None:
    refuse_what_others_run(old())
    with pytest.raises(UsageError, match="old is Beacon's already: service web"):
        refuse_what_others_run(old(Config={"Labels": {SERVICE_LABEL: "web"}}))
    with pytest.raises(UsageError, match=r"old is run by old\.service, which would start it again"):
        refuse_what_others_run(old(Config={"Labels": {"PODMAN_SYSTEMD_UNIT": "old.service"}}))


def test_what_could_not_be_put_back_is_refused() -> None:
    mounts = [{"Type": "volume", "Destination": "/data", "Name": "28ac" * 16}]
    with pytest.raises(UsageError, match="old was made with --rm") as caught:
        refuse_what_others_run(old(HostConfig={"AutoRemove": True}, Mounts=mounts))
    assert str(caught.value.hint).startswith(f"save what it has in {'28ac' * 16}, which goes with it")
