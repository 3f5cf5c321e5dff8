"""Secrets that Beacon keeps: containers get them, nobody else reads them, and a rollback brings them back."""

from __future__ import annotations

import json

import pytest

from tests.lab.kinds import OLD_PODMAN, ROOTLESS
from tests.lab.leaks import leaks
from tests.lab.stage import Stage

pytestmark = pytest.mark.every_kind

VALUE, SECOND = "hunter2 %h $HOME 'single' \"double\" x", "correct horse battery"
PRINTED = "staple wrong donkey"
"""What a service itself writes to the journal."""
MORE = """[[secret]]
name = "tok"
[[secret]]
name = "tok"
env = "TOK"
[[secret]]
name = "pem"
path = "/etc/own/key.pem"
uid = 1000
mode = "0400"
"""
LINE = "second line"
KEY = f"first line\n{LINE}\n"


def keep(stage: Stage, name: str, value: str, *words: str) -> str:
    """Give Beacon a value by standard input; return what it says."""
    stage.write("/tmp/value", value, 0o644)  # noqa: S108 (on a host of our own)
    beacon = " ".join(["beacon", *(["--user"] if stage.user else []), "secret", "set", name, *words])
    said = stage.run("sh", "-c", f"{beacon} </tmp/value 2>&1").stdout
    stage.host.run("rm", "/tmp/value")  # noqa: S108 (the same)
    return said


def inside(stage: Stage, script: str) -> str:
    """Return what a script prints in the container, as its user."""
    return stage.engine("exec", "beacon-web", "sh", "-c", script)


def environment(stage: Stage) -> str:
    """Return the variable that the container's own process has."""
    return inside(stage, "tr '\\0' '\\n' </proc/1/environ | sed -n 's/^TOK=//p'").rstrip("\n")


def test_containers_get_values_that_nobody_else_reads(stage: Stage) -> None:
    stage.push()
    assert "no service uses it yet" in keep(stage, "tok", f"{VALUE}\n")
    keep(stage, "pem", KEY)
    stage.define(top='user = "1000"', more=MORE)
    stage.apply()
    assert inside(stage, "cat /run/secrets/tok") == VALUE, "the line break of echo is none of it"
    assert inside(stage, "cat /etc/own/key.pem") == KEY
    assert environment(stage) == VALUE
    assert leaks(stage, VALUE) == []
    assert leaks(stage, LINE) == []
    assert inside(stage, "stat -c '%a %u' /etc/own/key.pem").split() == ["400", "1000"]

    assert "used by web" in keep(stage, "tok", SECOND)
    assert environment(stage) == VALUE, "it goes on with the version of its release"
    stage.beacon("restart", "web")
    assert environment(stage) == VALUE
    said = stage.beacon("plan").stdout
    assert "web: secret tok: version 1 → version 2" in said
    stage.apply()
    assert (environment(stage), inside(stage, "cat /run/secrets/tok")) == (SECOND, SECOND)
    assert leaks(stage, SECOND) == []
    stage.push(version="2")
    stage.beacon("rollback", "web")
    assert environment(stage) == VALUE
    assert stage.update() == {"web": "updated"}
    assert environment(stage) == VALUE, "an update changes the image alone"
    listed = json.loads(stage.beacon("secret", "list", "--json").stdout)["secrets"]
    assert [(one["name"], one["version"], one["services"], one["behind"]) for one in listed] == [
        ("pem", 1, ["web"], []),
        ("tok", 2, ["web"], ["web"]),
    ]
    assert "used by web" in stage.beacon("secret", "rm", "tok", status=2).stderr


@pytest.mark.not_on(OLD_PODMAN, ROOTLESS, why="it is Podman's as well there")
def test_a_value_is_in_no_reason_and_a_bad_one_is_put_back(stage: Stage) -> None:
    stage.push()
    keep(stage, "tok", VALUE)
    check = (
        'case "$TOK" in hunter2*) ;; *) echo "bad password $TOK" >&2; exit 1;; esac; exec httpd -f -p 8080'
    )
    command = f'command = ["sh", "-c", {json.dumps(check)}]'
    stage.define(top=command, more='[[secret]]\nname = "tok"\nenv = "TOK"\n')
    stage.apply()
    assert environment(stage) == VALUE
    keep(stage, "tok", PRINTED)
    said = stage.beacon("apply", "web", status=20)
    assert "bad password <redacted>" in said.stdout
    assert PRINTED not in said.stdout + said.stderr
    assert environment(stage) == VALUE
    assert PRINTED not in json.dumps(stage.state())
    stage.beacon("secret", "rotate", "tok", status=20)
    assert environment(stage) == VALUE
    stage.beacon("rm", "web")
    stage.beacon("secret", "rm", "tok")
    assert stage.beacon("secret", "list", "--json").stdout.count('"name"') == 0
    if stage.kind.engine == "podman":
        assert stage.engine("secret", "ls", "--quiet") == ""
