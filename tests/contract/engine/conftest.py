"""Engines whose answers were recorded on test hosts, and are given again by scripts of their name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

StandIn = Callable[[str, Path, Path], Mapping[str, str]]


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    """Return what makes an environment in which a command is a script that gives recorded answers."""

    def make(command: str, script: Path, answers: Path) -> Mapping[str, str]:
        (tmp_path / command).symlink_to(script)
        sync = tmp_path / "sync"
        sync.write_text('#!/bin/sh\necho "sync $*" >>"$CALLS"\n', encoding="utf-8")
        sync.chmod(0o755)
        return {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "ANSWERS": str(answers),
            "CALLS": str(tmp_path / "calls"),
            "DOCKER_CONFIG": str(tmp_path),
        }

    return make


def calls(environment: Mapping[str, str]) -> list[str]:
    """Return what the command was asked, and what was flushed."""
    return Path(environment["CALLS"]).read_text(encoding="utf-8").splitlines()
