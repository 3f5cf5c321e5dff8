"""How a message leaves the machine, and that no secret does so elsewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from beacon.errors import DeliveryError
from beacon.model.notifying.target import Target
from beacon.model.sensitive import Sensitive
from beacon.notify.message import Message
from beacon.notify.sender import Sender

MESSAGE = Message(
    "1" * 32, "waiting", "mars", "a title", "line one\nzweite Zeile ü", "2026-11-30T12:00:00Z", service="web"
)
APPRISE = """#!/bin/sh
for word; do case $word in --config=*) cat "${word#--config=}" >"$0.config" ;; esac; done
printf '%s\\n' "$@" >"$0.words"
cat >"$0.body"
echo "failed to reach $(cat "$0.config")" >&2
exit "$(cat "$0.status" 2>/dev/null || echo 0)"
"""


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    """Return a sender that finds a program of the name apprise, which notes what it is given."""
    program(tmp_path, "apprise", APPRISE)
    return Sender({"PATH": f"{tmp_path}:{os.environ['PATH']}"})


def test_apprise_gets_the_url_in_memory_and_the_text_as_input(sender: Sender, tmp_path: Path) -> None:
    sender.send(Target("a", url=Sensitive("ntfys://me:secret@host/t")), MESSAGE)
    assert (tmp_path / "apprise.config").read_text() == "ntfys://me:secret@host/t\n"
    assert (tmp_path / "apprise.body").read_text() == MESSAGE.text
    words = (tmp_path / "apprise.words").read_text()
    assert "--title=a title\n" in words
    assert "secret" not in words


def test_a_url_may_be_in_a_file_of_its_own(sender: Sender, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("# mine\n\nntfys://host/t\n")
    sender.send(Target("a", url_file=str(file)), MESSAGE)
    assert (tmp_path / "apprise.config").read_text() == "ntfys://host/t\n"
    for text, fault in (("", "must hold one URL"), ("a://b\nc://d\n", "must hold one URL")):
        file.write_text(text)
        with pytest.raises(DeliveryError, match=fault):
            sender.send(Target("a", url_file=str(file)), MESSAGE)
    with pytest.raises(DeliveryError, match="cannot read url_file /none: No such file"):
        sender.send(Target("a", url_file="/none"), MESSAGE)


def test_what_apprise_says_is_not_repeated(
    sender: Sender, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "apprise.status").write_text("1")
    with pytest.raises(DeliveryError) as error:
        sender.send(Target("a", url=Sensitive("ntfys://me:secret@host/t")), MESSAGE)
    assert error.value.message == "apprise exited with status 1"
    assert "secret" not in "".join(capfd.readouterr())


def test_without_apprise_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as error:
        Sender({"PATH": str(tmp_path)}).send(Target("a", url=Sensitive("ntfys://host/t")), MESSAGE)
    assert error.value.hint == "apt install apprise"


def test_a_command_gets_json_and_variables(tmp_path: Path) -> None:
    own = program(
        tmp_path, "tell", '#!/bin/sh\ncat >"$0.json"; printf %s "$BEACON_EVENT $BEACON_TEXT $1" >"$0.said"\n'
    )
    Sender({"PATH": os.environ["PATH"]}).send(Target("a", command=(str(own), "x")), MESSAGE)
    assert json.loads((tmp_path / "tell.json").read_text())["text"] == MESSAGE.text
    assert (tmp_path / "tell.said").read_text() == f"waiting {MESSAGE.text} x"


@pytest.mark.parametrize(
    ("command", "fault"),
    [("/none", "/none cannot run: No such file"), ("false", "false exited with status 1")],
)
def test_a_command_that_fails_is_named(command: str, fault: str) -> None:
    with pytest.raises(DeliveryError, match=fault):
        Sender({"PATH": os.environ["PATH"]}).send(Target("a", command=(command,)), MESSAGE)
