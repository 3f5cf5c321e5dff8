"""Pulls by an engine that gets nowhere, goes on in silence, or does not want to end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from beacon.engine.docker import Docker
from beacon.engine.podman import Podman
from beacon.engine.streaming import Patience
from beacon.errors import CanceledError, RegistryError
from beacon.model.reference import ImageReference

IMAGE = ImageReference.parse(f"registry.example/web@sha256:{'a' * 64}")
ID = "b" * 64
BRIEF = Patience(silence=0.6, least=64 << 10, beat=0.05, grace=0.3)


def engine(folder: Path, name: str, script: str) -> Mapping[str, str]:
    """Return an environment in which the engine of that name is a shell script."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def podman(folder: Path, script: str) -> Podman:
    return Podman(engine(folder, "podman", script), BRIEF)


def nothing(done: int | None) -> None:
    del done


@pytest.mark.parametrize("kind", [Podman, Docker])
def test_a_pull_to_which_nothing_comes_is_ended(
    tmp_path: Path, kind: Callable[[Mapping[str, str], Patience], Podman | Docker]
) -> None:
    script = "echo Copying blob >&2; exec sleep 60"
    pulling = kind(engine(tmp_path, kind.kind.value, script), BRIEF)  # type: ignore[attr-defined]
    with pytest.raises(RegistryError, match=r"nothing came from registry\.example for 0\.01 min") as caught:
        pulling.pull(IMAGE, nothing)
    assert "tries again" in (caught.value.hint or "")


def test_a_pull_that_says_nothing_goes_on_as_long_as_its_processes_read_and_write(tmp_path: Path) -> None:
    copy = "head -c 100000 /dev/zero >/dev/null; sleep 0.1"
    script = f"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ({copy}); done; echo {ID}"
    assert podman(tmp_path, script).pull(IMAGE, nothing) == f"sha256:{ID}"


def test_a_pull_that_says_something_now_and_then_goes_on(tmp_path: Path) -> None:
    script = f"for i in 1 2 3 4 5; do echo Copying >&2; sleep 0.3; done; echo {ID}"
    assert podman(tmp_path, script).pull(IMAGE, nothing) == f"sha256:{ID}"


def test_a_pull_that_says_nothing_can_be_canceled(tmp_path: Path) -> None:
    def cancel(done: int | None) -> None:
        raise CanceledError(f"it was canceled at {done}")

    began = time.monotonic()
    with pytest.raises(CanceledError):
        podman(tmp_path, "exec sleep 60").pull(IMAGE, cancel)
    assert time.monotonic() - began < 5


def test_nothing_is_left_of_a_pull_that_does_not_want_to_end(tmp_path: Path) -> None:
    mine = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $$ $! >{mine}; while :; do wait; done"
    began = time.monotonic()
    with pytest.raises(RegistryError):
        podman(tmp_path, script).pull(IMAGE, nothing)
    assert time.monotonic() - began < 5
    for pid in mine.read_text().split():
        assert is_gone(int(pid))


def test_what_an_engine_leaves_behind_with_its_pipe_holds_up_nobody(tmp_path: Path) -> None:
    began = time.monotonic()
    try:
        pulled = podman(tmp_path, f"sleep 60 & echo $! >{tmp_path}/pid; echo {ID}").pull(IMAGE, nothing)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)
    assert pulled == f"sha256:{ID}"
    assert time.monotonic() - began < 5


def is_gone(pid: int) -> bool:
    """Say whether a process has ended soon, or was never there."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
