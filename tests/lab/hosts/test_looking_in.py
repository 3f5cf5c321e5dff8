"""Looking into services: what they say, what they take, and a command in their containers."""

from __future__ import annotations

import json
import re

import pytest

from beacon.errors import ExitStatus
from tests.lab.host import wait_until
from tests.lab.stage import Stage

SAYS = 'command = ["sh", "-c", "echo {0} says hello; echo {0} warns >&2; exec /bin/web"]'
HEADINGS = ["SERVICE", "CPU", "CPU TIME", "MEMORY", "TASKS", "DISK R/W", "NET IN/OUT"]
TERMINAL = """
keyboard=$(mktemp --dry-run)
mkfifo "$keyboard"
exec 3<>"$keyboard"  # at an end of file script(1) would type one
rm "$keyboard"
script --quiet --return --command "$1" /dev/null <&3
"""
CONTAINER_ID = re.compile(r"[0-9a-f]{64}")


@pytest.mark.every_kind
@pytest.mark.not_on
def test_a_service_is_looked_into(stage: Stage) -> None:
    for name in ("web", "db"):
        stage.push(name)
        stage.define(name, top=SAYS.format(name))
    stage.apply()

    # A command in the container: what it reads, says and ends with is passed on, and so are its options.
    assert stage.beacon("exec", "web", "cat", "/www/version").stdout.strip() == "1"
    done = stage.beacon("exec", "web", "sh", "-c", "echo out; echo --user >&2; exit 42", status=42)
    assert (done.stdout, done.stderr.strip()) == ("out\n", "--user")
    assert stage.beacon("exec", "web", "--", "echo", "-q", "--help").stdout == "-q --help\n"
    shell = stage.run("sh", "-c", "echo 'cat /www/version' | beacon exec web")
    assert shell.stdout.strip() == "1"
    typed = "beacon exec web sh -c 'test -t 0 && test -t 1 && echo at a terminal; exit 42'"
    done = stage.run("bash", "-c", TERMINAL, "bash", typed, check=False)
    assert (done.stdout.strip(), done.returncode) == ("at a terminal", 42)
    stage.beacon("stop", "db")
    logged = stage.beacon("exec", "db", "true", status=ExitStatus.NOT_ACTIVE).stderr
    assert "beacon start db" in logged

    # What they take.
    stats = json.loads(stage.beacon("stats", "--json").stdout)
    db, web = stats["services"]
    assert (web["name"], web["active"], db["active"]) == ("web", "active", "inactive")
    assert web["cpu"] > 0
    assert 0 <= web["cpu_percent"] < 100
    shown = stage.beacon("stats").stdout.splitlines()
    assert re.split(" {2,}", shown[0]) == HEADINGS
    assert shown[1].split()[:2] == ["db", "inactive"]
    assert re.match(r"web +[0-9.]+% ", shown[2])
    stage.beacon("stats", "--watch", status=ExitStatus.USAGE)

    # What they said, and what Podman said of them.
    stage.beacon("start", "db")
    wait_until(lambda: stage.beacon("logs", "db", "--since", "-1min").stdout.count("db says hello") == 2)
    both = stage.beacon("logs", "web", "db", "--since=-5min").stdout
    for said in (
        "web says hello",
        "web warns",
        "db says hello",
        "Release 1 of web is live",
        "Started beacon-",
    ):
        assert said in both
    assert not CONTAINER_ID.search(re.sub("sha256:[0-9a-f]+", "", both))
    assert "container create" not in both
    if stage.kind.engine == "podman":
        assert "container create" in stage.beacon("logs", "web", "--all").stdout
    last = stage.beacon("logs", "web", "--lines=3").stdout.splitlines()
    assert last == stage.beacon("logs", "web").stdout.splitlines()[-3:]
    assert len(stage.beacon("logs", "web", "db", "-n", "4", "--since=-5min").stdout.splitlines()) == 4
    follows = stage.start("beacon", "logs", "web", "--follow")
    assert follows.stdout is not None
    stage.beacon("restart", "web")
    lines = iter(follows.stdout.readline, "")
    assert next(line for line in lines if "Stopping beacon-web" in line)
    assert next(line for line in lines if "web says hello" in line)
    stage.host.kill(follows)
    follows.communicate()
