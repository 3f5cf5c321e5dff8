"""Standard streams that are closed, full or narrow, and readers that go away."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def beacon(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a shell that says what its streams are."""
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; beacon() {{ {sys.executable} -m beacon "$@"; }}; {command}'],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("verb", ["--version", "schema", "show --example"])
@pytest.mark.parametrize("way", ["| true", ">&-", "2>&-", "<&-"])
def test_nobody_has_to_read_the_answer(verb: str, way: str) -> None:
    done = beacon(f"beacon {verb} {way}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["--version", "schema", "show --example"])
def test_a_full_disk_is_told(verb: str) -> None:
    done = beacon(f"beacon {verb} >/dev/full")
    assert done.returncode == os.EX_OSERR
    assert done.stderr == "error: cannot write the answer: No space left on device\n"


def test_what_the_terminal_cannot_show_is_escaped() -> None:
    done = beacon("beacon show --example", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
