"""``[notify.NAME]``: who is told, with every fault at once and no secret in any of them."""

from __future__ import annotations

import pytest

from beacon.definition.beacon_toml import decode_notify, decode_settings
from beacon.errors import ConfigError
from beacon.model.notifying.target import Target, Topic
from beacon.model.sensitive import Sensitive


def targets(text: str) -> tuple[Target, ...]:
    return decode_settings(text, file="beacon.toml").notify


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ('url = "ntfys://ntfy.sh/t"', Target("phone", url=Sensitive("ntfys://ntfy.sh/t"))),
        ('url_file = "/etc/u"', Target("phone", url_file="/etc/u")),
        ('command = "tell --all"', Target("phone", command=("tell", "--all"))),
        (
            'command = ["tell"]\nevents = ["waiting", "updated"]\ndaily = "08:00"\nquiet = "22:00-07:00"',
            Target(
                "phone",
                command=("tell",),
                events=(Topic.UPDATED, Topic.WAITING),
                daily="08:00",
                quiet=("22:00-07:00",),
            ),
        ),
        ('command = "tell"\nevents = "disk"', Target("phone", command=("tell",), events=(Topic.DISK,))),
    ],
)
def test_a_target(text: str, target: Target) -> None:
    assert targets(f"[notify.phone]\n{text}") == (target,)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "notify.phone: must have a url, a url_file or a command"),
        ('url = "a://b"\ncommand = "c"', "notify.phone: must have one of url and command alone"),
        ('command = "c"\nevent = "disk"', "notify.phone.event: unknown key; did you mean 'events'?"),
        ('command = "c"\nevents = "updates"', "not 'updates'; did you mean 'updated'?"),
        ('command = "c"\nevents = [1]', "notify.phone.events: must be of updated, "),
        ('command = "c"\ndaily = "8:00"', "notify.phone.daily: must be a time such as '08:00', not '8:00'"),
        ('command = "c"\nquiet = "night"', "notify.phone.quiet: must be a window"),
        ('command = ""', "notify.phone.command: must not be empty"),
        ('url_file = "u"', "notify.phone.url_file: must be"),
    ],
)
def test_a_fault_is_named(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        targets(f"[notify.phone]\n{text}")
    assert fault in error.value.message


def test_all_faults_are_reported_at_once_and_none_shows_a_url() -> None:
    text = 'ports = 1\n[notify]\nurl = "a://me:secret@b"\n[notify.a]\nurl = "me:secret@b"\n'
    text += '[notify."A B"]\ncommand = "c"'
    with pytest.raises(ConfigError) as error:
        targets(text)
    lines = error.value.message.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["notify.url", "notify.a.url", "notify.A B", "ports"]
    assert "secret" not in error.value.message
    assert "secret" not in repr(targets('[notify.a]\nurl = "a://me:secret@b"'))


def test_targets_are_found_where_all_else_is_faulty() -> None:
    text = 'engine = "lxc"\n[notify.a]\ncommand = "c"\n[notify.b]\n'
    assert [target.name for target in decode_notify(text, file="beacon.toml")] == ["a"]
