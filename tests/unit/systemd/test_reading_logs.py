"""How journalctl is asked for what services said."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.model.machine import Scope
from beacon.systemd.reading import LogSelection, whole, without_engine

UNITS = ["beacon-web.service", "beacon-db.service"]
SAYS = """\
#!/bin/sh
echo "$@" >>%s
[ -n "$NOTHING" ] || printf '%%s\\n' '{"__CURSOR": "last"}' '{"__CURSOR": "first of them"}'
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which a journalctl notes its arguments."""
    script = tmp_path / "journalctl"
    script.write_text(SAYS % (tmp_path / "asked"))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "asked"


def test_all_of_it_is_what_journalctl_has_of_the_units() -> None:
    assert whole(Scope.USER, UNITS, LogSelection(lines=5, since="today", follow=True)) == [
        *("journalctl", "--user", "--since=today", "--lines=5", "--follow"),
        *("--unit=beacon-web.service", "--unit=beacon-db.service"),
    ]


def test_without_the_engine_it_is_what_systemd_beacon_and_the_container_say() -> None:
    command = without_engine(Scope.SYSTEM, UNITS, LogSelection(since="-1h"))
    assert command[:3] == ["journalctl", "--since=-1h", "--grep=^(?![0-9a-f]{64}$)"]
    text = " ".join(command)
    assert "_SYSTEMD_UNIT=beacon-db.service SYSLOG_IDENTIFIER=beacon-db +" in text
    assert " + UNIT=beacon-web.service + OBJECT_SYSTEMD_UNIT=beacon-web.service + " in text
    user = " ".join(without_engine(Scope.USER, UNITS, LogSelection()))
    assert "journalctl --user" in user
    assert "_SYSTEMD_USER_UNIT=beacon-db.service SYSLOG_IDENTIFIER=beacon-db +" in user
    assert " + USER_UNIT=beacon-web.service + OBJECT_SYSTEMD_USER_UNIT=beacon-web.service" in user


def test_the_last_lines_are_shown_from_where_they_begin(asked: Path) -> None:
    command = without_engine(Scope.SYSTEM, UNITS, LogSelection(lines=2, since="today"))
    assert command[1:3] == ["--cursor=first of them", "--grep=^(?![0-9a-f]{64}$)"]
    assert "--since=today --reverse --lines=2 " in asked.read_text()


@pytest.mark.usefixtures("asked")
def test_what_is_followed_begins_with_the_last_ten_lines_unless_it_is_said_since_when(asked: Path) -> None:
    command = without_engine(Scope.SYSTEM, UNITS, LogSelection(follow=True))
    assert command[1:4] == ["--cursor=first of them", "--follow", "--no-tail"]
    assert "--lines=10 " in asked.read_text()
    command = without_engine(Scope.SYSTEM, UNITS, LogSelection(follow=True, since="today"))
    assert command[1:4] == ["--since=today", "--follow", "--no-tail"]


@pytest.mark.usefixtures("asked")
def test_where_there_is_nothing_yet_only_what_comes_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTHING", "1")
    command = without_engine(Scope.SYSTEM, UNITS, LogSelection(follow=True))
    assert command[1:3] == ["--lines=0", "--follow"]
    assert "--no-tail" not in command
