"""Beacon is killed at random instants of its updates, again and again; `make soak` does so longer."""

from __future__ import annotations

import contextlib
import os
import random
import time

import pytest

from tests.bench.report import note_soak
from tests.lab.kinds import DOCKER, QUADLET, Kind
from tests.lab.stage import Stage

IS_SOAK = "BEACON_SOAK_PODMAN" in os.environ
ROUNDS = {
    QUADLET: int(os.environ.get("BEACON_SOAK_PODMAN", "20")),
    DOCKER: int(os.environ.get("BEACON_SOAK_DOCKER", "20")),
}


@pytest.fixture(params=ROUNDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return the kind of host whose services are updated."""
    asked: Kind = request.param
    return asked


HANDOVERS = {"swapped": "swap", "waited": "wait"}
"""Services that are handed over by the proxy, and how."""
SERVICES = ("web", *HANDOVERS)


def set_up(stage: Stage) -> None:
    """Have a service that is restarted, one that is swapped, and one whose requests wait meanwhile."""
    push(stage, "1")
    stage.define(update='settle = "300ms"')
    for name, handover in HANDOVERS.items():
        stage.domains[name] = f"{name}.internal"
        stage.define(
            name,
            top=f'handover = "{handover}"',
            port=False,
            update='settle = "300ms"',
            more=f'[[endpoint]]\ndomain = "{name}.internal"\nport = 8080\ntls = false',
        )
    stage.apply()
    stage.beacon("endpoint", "setup")


def push(stage: Stage, version: str, *, is_bad: bool = False) -> set[str]:
    """Push a version of all images; return their digests."""
    # Each is an image of its own: one that is bad in one service would not be tried in the others.
    return {
        stage.push(name, version, broken="exit" if is_bad else None, files={"name": name}).digest
        for name in SERVICES
    }


def versions(stage: Stage) -> set[str]:
    """Return the versions of all services, each of which is consistent."""
    return {stage.agrees(name) for name in SERVICES}


def test_whenever_it_is_killed_one_consistent_release_runs(stage: Stage) -> None:
    """Good and bad images in turn: the next run but one has what an undisturbed one would have."""
    seed = int(os.environ.get("BEACON_SOAK_SEED", str(time.time_ns() % 10**6)))
    chance = random.Random(seed)  # noqa: S311 (nothing secret)
    set_up(stage)
    push(stage, "2")
    began = time.monotonic()
    assert set(stage.update().values()) == {"updated"}
    whole, live = time.monotonic() - began, "2"
    killed = 0
    for number in range(3, ROUNDS[stage.kind] + 3):
        is_bad = number % 2 == 1
        pushed = push(stage, str(number), is_bad=is_bad)
        run = stage.start("beacon", "update")
        time.sleep(chance.uniform(0, whole * (2 if is_bad else 1)))
        with contextlib.suppress(OSError):  # it has ended
            stage.host.kill(run)
        run.communicate(timeout=60)
        killed += run.returncode < 0 or run.returncode > 128  # a shell's word for a signal
        said = f"seed {seed}, version {number}"
        stage.beacon("update", status=None)
        assert versions(stage) <= {live, str(number)}, said
        stage.beacon("update", status=None)
        live = live if is_bad else str(number)
        assert versions(stage) == {live}, said
        states = [stage.state(name) for name in SERVICES]
        bad = {entry["digest"] for state in states for entry in state["quarantine"]}
        assert (pushed & bad) == (pushed if is_bad else set()), said
        assert [state["rollout"] for state in states] == [None] * len(states), said
    ended = f"{killed} of {ROUNDS[stage.kind]} updates were killed, seed {seed}: all ended well"
    assert killed > ROUNDS[stage.kind] // 4, ended  # the others had ended before
    if IS_SOAK:
        note_soak(str(stage.kind), ended)
