"""A service from its definition to its end, on every kind of host: not a word is another."""

from __future__ import annotations

import json
import re

import pytest

from tests.lab.stage import QUICK, REGISTRY, Stage

pytestmark = pytest.mark.every_kind

ROLLED_BACK = 20


LATEST = f"{REGISTRY}/me/web:latest"
BROKEN = "it exited with status 1: this image is broken"


def test_not_a_word_is_another(stage: Stage) -> None:
    """Add, update, put bad pushes back, go back by hand, remove."""
    image = stage.push(config=QUICK).tagged
    added = said(stage, "add", "web", image, "--port", f"{stage.port('web')}:8080", "--volume", "data:/d")
    assert added == ("installed", f"release 1, {LATEST} at DIGEST")
    assert stage.agrees() == "1"
    assert stage.beacon("plan").stdout == "nothing to do\n"

    stage.push(version="2", config=QUICK)
    assert said(stage, "update", "--check") == ("available", f"{LATEST} is at DIGEST, DIGEST is live")
    assert said(stage, "update") == ("updated", f"release 2, {LATEST} at DIGEST")
    assert stage.agrees() == "2"

    stage.push(version="3", config=QUICK, broken="exit")
    assert said(stage, "update", status=ROLLED_BACK) == ("rolled_back", f"{BROKEN}; release 2 is back")
    assert said(stage, "update") == ("quarantined", f"DIGEST is not tried again: {BROKEN}")
    stage.push(version="4", config=QUICK, broken="unstartable")
    outcome, detail = said(stage, "update", status=ROLLED_BACK)
    # The words between are the init process's own: catatonit's with Podman, tini's with docker.
    assert re.fullmatch(r"it exited with status \d+: .*No such file or directory; release 2 is back", detail)
    assert outcome == "rolled_back"
    assert stage.agrees() == "2"

    back = plain(stage.beacon("rollback", "web").stdout).splitlines()[1]
    assert re.split(r"\s{2,}", back) == [
        "web",
        "rolled back by you",
        f"back at release 1, {LATEST} at DIGEST",
    ]
    assert stage.agrees() == "1"
    begun, live, bad = "rollout-started", "release-live", "rolled-back"
    assert stage.logged() == [begun, live, begun, live, begun, bad, "quarantined", begun, bad, begun, live]

    removed = stage.beacon("rm", "web").stdout.splitlines()[1]
    assert removed.split(maxsplit=2) == ["web", "removed", "its data stays in beacon-web-data"]
    left = stage.run("find", stage.units, stage.systemd_units, "-name", "beacon-web*", check=False).stdout
    assert left == ""
    assert stage.engine("ps", "--all", "--quiet") == ""
    assert stage.engine("images", "--quiet") == ""
    assert stage.engine("volume", "ls", "--quiet") == "beacon-web-data\n"


def said(stage: Stage, *argv: str, status: int = 0) -> tuple[str, str]:
    """Run a verb; return the outcome and what is said of it."""
    (one,) = json.loads(stage.beacon(*argv, "--json", status=status).stdout)["services"]
    return one["outcome"], plain(one["detail"])


def plain(text: str) -> str:
    """Return a text without what tells one run from another."""
    return re.sub(r"[0-9a-f]{12}", "DIGEST", text)
