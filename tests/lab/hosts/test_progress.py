"""What a person sees of a pull, and of a release that settles, while it goes on."""

from __future__ import annotations

import random
import re
import time
from subprocess import Popen

import pytest

from tests.lab.faulty_registry import Dam, FaultyRegistry
from tests.lab.kinds import DOCKER, OLD_PODMAN, ROOTLESS
from tests.lab.stage import Stage

MB = 10**6
PARTS = 3
PART = 67 * MB
"""Bytes that cannot be compressed, with as many zeros behind them: twice what is fetched is unpacked."""
SHOWN = re.compile(r"web: pulling ([0-9.]+) of ([0-9.]+) MB, ")


def line(run: Popen[str], pattern: re.Pattern[str]) -> re.Match[str]:
    """Return the next line of stderr that matches."""
    assert run.stderr is not None
    said = []
    for text in run.stderr:
        said.append(text)
        if (found := pattern.search(text)) is not None:
            return found
    raise AssertionError("".join(said))


def let_come(registry: FaultyRegistry, count: float) -> None:
    """Have *count* bytes come in all, at 20 MB a second: docker tells of a burst in part only."""
    while registry.sent < count:
        registry.let_through(min(registry.sent + MB, count))
        time.sleep(0.05)


@pytest.mark.every_kind
@pytest.mark.not_on(ROOTLESS, OLD_PODMAN)
def test_a_pull_of_200_megabytes_shows_its_bytes(stage: Stage, faulty_registry: FaultyRegistry) -> None:
    faulty_registry.let_through(float("inf"))
    faulty_registry.when("/blobs/", Dam(), method="GET")
    stage.push()
    stage.define(image=f"{faulty_registry.address}/me/web:latest")
    stage.apply()
    there = faulty_registry.sent
    noise = random.Random(1)  # noqa: S311  # the same in every run
    stage.push(version="2", ballast=[noise.randbytes(PART) + bytes(PART) for _ in range(PARTS)])
    run = stage.start("beacon", "update", "web")
    for share in (0.3, 0.8):
        let_come(faulty_registry, there + share * PARTS * PART)
        line(run, SHOWN)  # which may be of before
        done, total = map(float, line(run, SHOWN).groups())
        assert total == pytest.approx(PARTS * PART / MB, rel=0.02)
        read = (faulty_registry.sent - there) / MB
        # docker says something of a layer when a hundredth of it has come.
        of_what = total if stage.kind is DOCKER else read
        assert done == pytest.approx(read, abs=0.02 * of_what)
    faulty_registry.let_through(float("inf"))
    said, _ = run.communicate(timeout=120)
    assert "updated" in said
    assert stage.agrees() == "2"


def test_a_release_that_settles_says_for_how_long(stage: Stage) -> None:
    run = stage.settling("12s")
    (seconds,) = line(run, re.compile(r"web: watching it settle, (\d+) of 12 s")).groups()
    assert 9 <= int(seconds) <= 12
    said, _ = run.communicate(timeout=60)
    assert '"updated"' in said
