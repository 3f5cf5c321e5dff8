"""Command lines of any words: each ends with a status that beacon(1) lists, and without a traceback."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from beacon.cli.app import register
from beacon.errors import BeaconError, ExitStatus
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push
from tests.fakes.terminal import session_with
from tests.property.fuzz.strange import LONG, TEXTS

VERBS = {
    **dict.fromkeys(("add", "rm", "show", "plan", "apply"), "definitions"),
    **dict.fromkeys(("status", "history"), "services"),
    "import": "definitions.importing",
    "schema": "definitions.show",
    "adopt-volumes": "definitions.volumes",
    **dict.fromkeys(("start", "stop", "restart"), "services.control"),
    **dict.fromkeys(("hold", "unhold", "approve", "reject"), "services.hold"),
    **dict.fromkeys(("update", "rollback"), "services.updates"),
}
OPTIONS = """
--adopt --all --apply --check --container --dry-run --effective --engine --env --env-file --example
--exit-code --file --json --lines --name --no-start --output --overwrite
--profile --project --purge
--reason --retry --run --strict --volume --yes -e -f -m -n -o -p -v -y -h
""".split()  # noqa: SIM905  # a list of them would be as long as this file
KNOWN = [
    "web",
    "compose.yaml",
    "registry.example/me/web",
    "docker run --name web registry.example/me/web",
    "1",
]
WORDS = (
    st.sampled_from(OPTIONS)
    | st.sampled_from(KNOWN)
    | TEXTS.filter(lambda word: not re.match(r"/|~|\.\.", word))
)
"""No folders but those below the test's own: a definition may be written there."""


@pytest.fixture(scope="module", autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work in a folder with a compose file."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("fuzz")
    (folder / "compose.yaml").write_text("services: {web: {image: registry.example/me/web}}\n")
    os.chdir(folder)
    yield
    os.chdir(before)


@functools.cache
def app(verb: str) -> typer.Typer:
    """Return the command line with one verb."""
    made, module = typer.Typer(), VERBS[verb]
    register(made, module if "." in module else f"{module}.{verb}", (verb,))
    return made


@settings(max_examples=600)
@given(st.sampled_from(sorted(VERBS)), st.lists(WORDS, max_size=6))
def test_every_command_line_ends_with_a_status_of_the_manual(verb: str, words: list[str]) -> None:
    machine = FakeMachine()
    with tempfile.TemporaryDirectory() as folder:
        here = StagedMachine(machine, Path(folder), push(machine, "1"))
        done = CliRunner().invoke(app(verb), words, obj=session_with(here), env={"COLUMNS": "80"})
    if done.exception is not None and not isinstance(done.exception, BeaconError | SystemExit):
        raise done.exception
    assert isinstance(done.exception, BeaconError) or done.exit_code in set(ExitStatus)


def beacon(*words: str | bytes, folder: Path, script: str = '"$@"') -> subprocess.CompletedProcess[str]:
    """Run a command line as a process of its own, whose own services are below *folder*."""
    places = {"HOME": folder, "XDG_RUNTIME_DIR": folder, "XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder}
    environment = {**os.environ, **{name: str(place) for name, place in places.items()}}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    return subprocess.run(
        ["bash", "-c", script, "bash", sys.executable, "-m", "beacon", "--user", *words],
        env=environment,
        capture_output=True,
        errors="replace",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("words", [["status", b"w\xff"], ["add", b"w\xff", "me/web"], [b"\xff"]])
def test_words_that_are_not_utf_8_are_refused(words: list[str | bytes], tmp_path: Path) -> None:
    done = beacon(*words, folder=tmp_path)
    assert (done.returncode, done.stdout) == (ExitStatus.USAGE, "")
    assert re.fullmatch(r"error: 'w?\\udcff' is not UTF-8\n", done.stderr)


@pytest.mark.parametrize("words", [["--help"], ["add", "--help"], ["endpoint", "-h"]])
def test_a_full_disk_is_told_of_help_as_well(words: list[str], tmp_path: Path) -> None:
    done = beacon(*words, folder=tmp_path, script='"$@" >/dev/full')
    assert done.returncode == ExitStatus.OSERR
    assert done.stderr == "error: cannot write the answer: No space left on device\n"


def test_a_usage_error_that_nobody_can_read_is_one_all_the_same(tmp_path: Path) -> None:
    assert beacon("add", "--nope", folder=tmp_path, script='"$@" 2>/dev/full').returncode == ExitStatus.USAGE


def test_a_variable_and_a_folder_that_are_not_utf_8_are_no_bug(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()
    (tmp_path / "compose.yaml").write_text("services: {web: {image: me/web, environment: {A: $A}}}\n")
    script = r"""export A=$'\xff'; cd "$HOME"; "$@" compose.yaml && mkdir $'d\xff' && cd $'d\xff' && "$@" x"""
    done = beacon("import", "--dry-run", folder=tmp_path, script=script)
    assert "Traceback" not in done.stderr
    assert done.returncode == ExitStatus.USAGE
    assert "is not UTF-8" in done.stderr


def test_a_folder_that_may_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()
    (tmp_path / "file").touch()
    for place in ("/proc/nope/x", str(tmp_path / "file/x"), str(tmp_path / ("a" * 300)), "/sys/x"):
        done = beacon("import", "--run", "docker run --name a me/web", "-o", place, folder=tmp_path)
        assert done.returncode in {ExitStatus.OSERR, ExitStatus.NOPERM}
        assert done.stderr.startswith("error: cannot ")


def test_a_number_of_lines_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()
    done = beacon("logs", "web", "-n", LONG, folder=tmp_path)
    assert "Traceback" not in done.stderr
    assert done.returncode in set(ExitStatus)
