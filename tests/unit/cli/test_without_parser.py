"""What systemd's units run needs no parser, and means the same as with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_COSTLY = (
    "pystemd",
    "requests",
    "jinja2",
    "beacon.rollout.deploy",
    "beacon.units",
    "beacon.definition.decode",
)
"""What a run that finds nothing new does not pay for."""

_LOADED = """
import sys
from beacon.__main__ import main
sys.argv = ["beacon", "--user", "update"]
try:
    main()
except SystemExit:
    print(*sys.modules)
"""

_RUN = """
import sys
from beacon.__main__ import main
sys.argv = ["beacon", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    print("typer" in sys.modules, end.code or 0, file=sys.stderr)
"""


def run(*words: str, home: Path) -> tuple[str, bool, int]:
    """Return what the command said, whether it loaded the parser, and its status."""
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *words], env=environment, capture_output=True, text=True, check=True
    )
    *said, end = done.stderr.splitlines()
    loaded, status = end.split()
    return done.stdout + "\n".join(said), loaded == "True", int(status)


@pytest.mark.parametrize(
    "words",
    [
        ("update", "--check"),
        ("update", "--check", "nosuch"),
        ("--system", "update", "--check", "beacon-nosuch.service"),
        ("update", "--check", ""),
    ],
)
def test_an_update_without_other_options_is_the_same_and_loads_no_parser(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    said, loaded, status = run(*words, home=tmp_path)
    assert not loaded
    assert (said, True, status) == run(*words, "--no-color", home=tmp_path)


def test_an_update_without_news_loads_nothing_that_only_rollouts_need(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()
    (tmp_path / "podman").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "podman").chmod(0o755)
    environment = {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "PATH": f"{tmp_path}:/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-c", _LOADED], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == "no services\n"
    loaded = done.stdout.split()
    assert "beacon.operations.update" in loaded
    assert [name for name in _COSTLY if name in loaded] == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("update", "--user", "--system"), "exclude each other"),
        (("endpoint", "publish", "--user", "--system"), "exclude each other"),
        (("update", "--chekc"), "--chekc"),
        (("endpoint", "publish", "--check"), "--check"),
        (("update", "--exit-code"), "beacon update --check --exit-code"),
    ],
)
def test_what_is_typed_wrongly_is_told_by_the_parser(
    words: tuple[str, ...], fault: str, tmp_path: Path
) -> None:
    said, loaded, status = run(*words, home=tmp_path)
    assert (loaded, status) == (True, 2)
    assert fault in said


def test_the_help_of_a_verb_is_the_parser_s(tmp_path: Path) -> None:
    said, loaded, status = run("update", "--help", home=tmp_path)
    assert (loaded, status) == (True, 0)
    assert "--exit-code" in said
