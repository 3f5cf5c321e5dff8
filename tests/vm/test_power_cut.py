"""A real power cut: what the machine had not written to its disk is gone, and the service is there again."""

from __future__ import annotations

import pytest

from tests.lab.host import wait_until
from tests.lab.stage import Stage
from tests.vm.machine import VirtualHost

PATIENCE = 120.0
"""Seconds for what takes one on a real machine."""


@pytest.fixture
def stage(machine: VirtualHost) -> Stage:
    """Return the virtual machine as a stage for services."""
    return Stage(machine)


CUTS = 10
MOMENTS = ("pulling", "files", "restart", "gate")


def test_a_rollout_that_loses_power_is_finished_or_undone(stage: Stage, machine: VirtualHost) -> None:
    """Cut off in its pull, an image is pulled anew; cut off after it, the next run finds the image whole.

    Each third image is bad: then the release before is there again.
    """
    stage.push()
    stage.define()
    stage.apply()
    live, seen = "1", set()
    for number in range(2, CUTS + 2):
        version, is_bad = str(number), number % 3 == 0
        wait_until(stage.version, PATIENCE)
        assert stage.agrees() == live
        stage.push(version=version, broken="exit" if is_bad else None)
        machine.run("sync")  # the registry, which is on the same disk
        update = stage.start("beacon", "update")
        moment = MOMENTS[number % len(MOMENTS)]
        wait_until(lambda: stage.step() == moment or update.poll() is not None, PATIENCE, interval=0)  # noqa: B023 (called at once)
        machine.power_cut()
        update.communicate(timeout=PATIENCE)
        seen.add(stage.step())  # what it remembers to have been at
        stage.beacon("update", status=None)
        stage.beacon("update", status=None)
        wait_until(stage.version, PATIENCE)
        live = live if is_bad else version
        assert stage.agrees() == live, f"cut in {moment}, version {version}"
    assert len(seen - {""}) > 1, seen  # they were cut short, at several steps
