"""A real power cut: what the machine had not written to its disk is gone, and the service is there again."""

from __future__ import annotations

import pytest

from beacon.model.release import Phase
from tests.lab.host import wait_until
from tests.lab.stage import Stage
from tests.vm.machine import VirtualHost

PATIENCE = 120.0
"""Seconds for what takes one on a real machine."""


@pytest.fixture
def stage(machine: VirtualHost) -> Stage:
    """Return the virtual machine as a stage for services."""
    return Stage(machine)


def test_a_rollout_that_loses_power_is_finished_or_undone(stage: Stage, machine: VirtualHost) -> None:
    """Cut off in its pull, an image is pulled anew; cut off after it, the next run finds the image whole."""
    stage.push()
    stage.define()
    stage.apply()
    for version, cut_in in (("2", Phase.PULLING), ("3", Phase.RESTARTING)):
        wait_until(stage.version, PATIENCE)
        last = stage.agrees()
        stage.push(version=version)
        machine.run("sync")  # the registry, which is on the same disk
        update = stage.start("beacon", "update")
        wait_until(lambda: stage.phase() == cut_in, PATIENCE, interval=0)  # noqa: B023 (called at once)
        machine.power_cut()
        update.communicate(timeout=PATIENCE)
        assert stage.phase()  # it was cut short, and is remembered
        stage.beacon("update", status=None)
        wait_until(stage.version, PATIENCE)
        if cut_in is Phase.PULLING:
            assert stage.agrees() == last
            stage.beacon("update")
            wait_until(stage.version, PATIENCE)
        assert stage.agrees() == version
