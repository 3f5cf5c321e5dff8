"""Each test of this folder runs on the machine in memory, and inside a test host on the real one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.contract.machine.rigs import DockerRig, FakeRig, RealRig, Rig

REAL = "BEACON_CONTRACT_ON_THIS_MACHINE"
"""Set by the lab inside a test host, where it does no harm to start and stop units."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hold the contract against the real machine where that is allowed."""
    if "rig" in metafunc.fixturenames:
        kinds = [RealRig, DockerRig] if os.environ.get(REAL) else [FakeRig]
        metafunc.parametrize("rig", kinds, ids=[kind.__name__ for kind in kinds], indirect=True)


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Return a machine without services of ours."""
    made: Rig = request.param()
    yield made
    made.close()
