"""Notifications: after each run of the timer, also where the target was away or a kill came between."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.lab.host import wait_until
from tests.lab.kinds import DOCKER, OLD_PODMAN
from tests.lab.stage import Stage

pytestmark = [
    pytest.mark.every_kind,
    pytest.mark.not_on(OLD_PODMAN, DOCKER, why="neither engine nor units have a part in it"),
]

TELL = """#!/bin/sh
[ -e "$0.away" ] && exit 1
cat >>"$0.got"; echo >>"$0.got"
if [ -e "$0.kill" ]; then rm "$0.kill"; kill -9 $PPID; fi
"""


def configure(stage: Stage, more: str = "") -> str:
    """Have a command told; return its path."""
    tell = f"{stage.config}/tell"
    stage.write(tell, TELL, 0o755)
    phone = '[notify.phone]\nurl = "ntfys://me:secret@localhost:1/t"\nevents = ["disk"]\n'
    text = f'{more}[update]\napply = "ask"\n[notify.me]\ncommand = "{tell}"\n{phone}'
    stage.write(f"{stage.config}/beacon.toml", text, 0o600)
    return tell


def fire(stage: Stage) -> None:
    """Do what the timer does, and wait for what follows."""
    stage.run("systemctl", *(["--user"] if stage.user else []), "start", "beacon-update.service", check=False)
    for unit in ("beacon-notify.service", "beacon-failed@beacon-update.service"):
        wait_until(partial(rests, stage, unit))


def rests(stage: Stage, unit: str) -> bool:
    """Say whether a unit has ended, and no job is about to start it."""
    if stage.active(unit) not in {"inactive", "failed"}:
        return False
    user = ["--user"] if stage.user else []
    return unit not in stage.run("systemctl", *user, "list-jobs", "--full", "--plain").stdout


def got(stage: Stage, tell: str) -> list[dict[str, Any]]:
    """Return what the command was told."""
    said = stage.run("cat", f"{tell}.got", check=False).stdout
    return [json.loads(line) for line in said.splitlines()]


def forget_failures(stage: Stage) -> None:
    """Have targets tried again at once, as they are after some time."""
    stage.run("rm", "-f", f"{stage.memory}/notified.json")


def test_owners_are_told_of_what_waits_comes_and_fails(stage: Stage) -> None:
    tell = configure(stage)
    stage.deploy("web")
    second = stage.push(version="2").digest
    for _ in range(2):
        fire(stage)
    (waits,) = got(stage, tell)
    assert (waits["event"], waits["digest"]) == ("waiting", second)
    assert f"beacon approve web@{second[7:19]}" in waits["text"]
    stage.beacon("approve", "web")
    stage.write(f"{tell}.kill", "")
    for _ in range(2):
        fire(stage)
    first, again = got(stage, tell)[1:]
    assert (first["event"], first["release"], again) == ("updated", 2, first), "a kill repeats it with its id"

    stage.write(f"{tell}.away", "")
    stage.push(version="3", broken="exit")
    assert stage.update(status=75) == {"web": "waiting"}
    stage.beacon("approve", "web")
    fire(stage)
    assert "me could not be told" in stage.journal("--unit=beacon-failed@beacon-update.service")
    listed = stage.beacon("notify", "list").stdout
    assert "exited with status 1" in listed
    assert stage.agrees() == "2", "who is away holds up nothing"
    stage.run("rm", f"{tell}.away")
    forget_failures(stage)
    fire(stage)
    assert [one["event"] for one in got(stage, tell)[3:]] == ["waiting", "rolled-back"]

    configure(stage, "engine = 1\n")
    fire(stage)
    (broken,) = got(stage, tell)[5:]
    assert broken["event"] == "beacon"
    assert "exit status 78" in broken["text"]

    configure(stage)
    assert "is not installed" in stage.beacon("notify", "test", "phone", status=69).stderr
    assert "1 target told" in stage.beacon("notify", "test", "me").stderr
    said = stage.journal("--output=cat") + stage.beacon("notify", "list", "--json").stdout + listed
    assert "secret" not in said
