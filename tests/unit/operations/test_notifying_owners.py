"""From what happens to a service to what its owner's command is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from beacon.errors import UsageError
from beacon.model.image import ResolvedImage
from beacon.model.service import Apply, UpdatePolicy
from beacon.operations.caller import Caller
from beacon.operations.control import WaitingRequest, approve
from beacon.operations.notify import SendRequest, TryRequest, list_targets, send, try_targets
from beacon.operations.update import UpdateRequest, update
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, service

TELL = """#!/bin/sh
[ -e "$0.away" ] && exit 1
cat >>"$0.got"; echo >>"$0.got"
"""


class Owner:
    """The machine, its registry, and a command that is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tell = folder / "tell"
        self.tell.write_text(TELL)
        self.tell.chmod(0o755)
        self.machine = FakeMachine()
        roll_out(self.machine, push(self.machine, "1"), service(update=UpdatePolicy(apply=Apply.ASK)))
        self.machine.events.clear()
        (folder / "etc/services").mkdir(parents=True)
        self.configure(f'[notify.me]\ncommand = "{self.tell}"\n')

    def configure(self, text: str) -> None:
        (self.folder / "etc/beacon.toml").write_text(text)

    def here(
        self, image: ResolvedImage | None = None, said: Mapping[str, str] | None = None
    ) -> StagedMachine:
        here = StagedMachine(self.machine, self.folder, image)
        environment = {"PATH": "/usr/bin:/bin", **(said or {})}
        here.caller = Caller(uid=0, environment=environment, home=self.folder)
        return here

    def follow(self, image: ResolvedImage) -> None:
        """Do what a run of the timer does, and what follows it."""
        update(self.here(image), UpdateRequest(), Recorder())
        send(self.here(), SendRequest(), Recorder())

    @property
    def got(self) -> list[dict[str, Any]]:
        """What the command was told."""
        path = self.folder / "tell.got"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


def test_an_update_that_waits_and_then_comes_is_told_in_two_messages(owner: Owner) -> None:
    two = push(owner.machine, "2")
    for _ in range(3):
        owner.follow(two)
    approve(owner.here(), WaitingRequest("web"), Recorder())
    for _ in range(2):
        owner.follow(two)
    assert [(one["event"], one["service"], one["digest"]) for one in owner.got] == [
        ("waiting", "web", two.digest),
        ("updated", "web", two.digest),
    ]


def test_who_is_away_is_told_later_and_the_list_says_so(owner: Owner) -> None:
    away = owner.folder / "tell.away"
    away.touch()
    owner.follow(push(owner.machine, "2"))
    (listed,) = list_targets(owner.here(), Recorder()).targets
    assert (listed.by, listed.queued, listed.failures, listed.error) == (
        "command",
        1,
        1,
        f"{owner.tell} exited with status 1",
    )
    away.unlink()
    memory = owner.here().queue.memory()
    owner.here().queue.remember(replace(memory, targets={}))  # as if an hour had passed
    assert send(owner.here(), SendRequest(), Recorder()).sent == 1
    (listed,) = list_targets(owner.here(), Recorder()).targets
    assert (listed.queued, listed.failures, len(owner.got)) == (0, 0, 1)


def test_a_failed_timer_is_told_once_a_day_also_if_beacon_toml_is_faulty(owner: Owner) -> None:
    owner.configure(f'engine = "lxc"\n[notify.me]\ncommand = "{owner.tell}"\n')
    said = {"MONITOR_EXIT_CODE": "exited", "MONITOR_EXIT_STATUS": "78", "MONITOR_SERVICE_RESULT": "exit-code"}
    for _ in range(2):
        send(owner.here(said=said), SendRequest("beacon-update.service"), Recorder())
    (reported,) = owner.got
    assert reported["event"] == "beacon"
    assert "beacon-update.service has failed: exit status 78" in reported["text"]
    send(
        owner.here(said={**said, "MONITOR_EXIT_STATUS": "20"}),
        SendRequest("beacon-update.service"),
        Recorder(),
    )
    assert len(owner.got) == 1, "what became of services is told of each"


def test_a_target_is_tried(owner: Owner) -> None:
    assert try_targets(owner.here(), TryRequest(), Recorder()).sent == 1
    assert [one["event"] for one in owner.got] == ["test"]
    with pytest.raises(UsageError, match="there is no target 'you'") as error:
        try_targets(owner.here(), TryRequest(("you",)), Recorder())
    assert error.value.hint == "there are: me"
    owner.configure("")
    with pytest.raises(UsageError, match="nobody is told"):
        try_targets(owner.here(), TryRequest(), Recorder())


def test_of_a_url_nothing_is_shown_but_its_scheme(owner: Owner) -> None:
    owner.configure('[notify.a]\nurl = "ntfys://me:secret@host/t"\n[notify.b]\nurl_file = "/etc/u"\n')
    listed = list_targets(owner.here(), Recorder())
    assert [one.by for one in listed.targets] == ["ntfys", "file"]
    failed = try_targets(owner.here(), TryRequest(("a",)), Recorder())
    assert "secret" not in f"{listed} {failed}"
