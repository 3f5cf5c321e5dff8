"""Units that are not up, as systemctl(1) lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.model.machine import Scope
from beacon.model.runtime import Unwell
from beacon.systemd.listing import unwell

SAID = """\
beacon-a.service loaded failed     failed       a (registry.example/a:latest)
beacon-b.service loaded inactive   dead         b (registry.example/b:latest)
beacon-c.service loaded activating auto-restart c (registry.example/c:latest)
"""


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the program that stands in for systemctl; what it prints is to be written yet."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "systemctl"


def test_those_that_are_down_and_those_that_start_over_and_over_are_told_apart(systemctl: Path) -> None:
    systemctl.write_text(f"#!/bin/sh\ncat <<'E'\n{SAID}E\n")
    systemctl.chmod(0o755)
    found = unwell(Scope.SYSTEM)
    assert found.down == {"beacon-a.service", "beacon-b.service"}
    assert found.restarting == {"beacon-c.service"}


def test_a_systemd_that_does_not_answer_says_nothing(systemctl: Path) -> None:
    systemctl.write_text("#!/bin/sh\nexit 1\n")
    systemctl.chmod(0o755)
    assert unwell(Scope.USER) == Unwell()
