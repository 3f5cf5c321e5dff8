"""Podman's own generator and systemd accept every expected file; collected where there is a generator."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from beacon.model.machine import EngineVersion, Scope
from beacon.model.unit import is_job
from beacon.units.check import check_generated, check_verified, generated_units, unit_of_file
from tests.golden.cases import FAULTS, Case, all_cases
from tests.golden.conftest import GENERATOR

assert GENERATOR is not None
VERSION = EngineVersion.parse(
    subprocess.run([GENERATOR, "--version"], capture_output=True, text=True, check=True).stdout
)
CASES = [
    case
    for case in all_cases()
    if case.facts.has_quadlet and case.facts.engine_version <= VERSION and FAULTS not in case.expected()
]


def generate(folder: Path, scope: Scope = Scope.SYSTEM) -> subprocess.CompletedProcess[str]:
    """Run the generator on *folder* alone, without installing anything."""
    command = [str(GENERATOR), "-dryrun", "-no-kmsg-log", *(["-user"] if scope is Scope.USER else [])]
    environment = {**os.environ, "QUADLET_UNIT_DIRS": str(folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_generator_and_systemd_accept(case: Case, tmp_path: Path) -> None:
    files, units_folder = tmp_path / "files", tmp_path / "units"
    files.mkdir()
    units_folder.mkdir()
    for name, text in case.acceptable().items():
        (files / name).write_text(text, encoding="utf-8")
    done = generate(files, case.facts.scope)
    assert check_generated(case.expected(), done.stdout, done.stderr, VERSION) == ()
    assert done.returncode == 0
    units = generated_units(done.stdout)
    # What is private is in files of its own, which are no units.
    assert set(units) == {unit_of_file(name) for name in case.expected()} - {None}
    units |= {name: text for name, text in case.acceptable().items() if is_job(name)}
    for name, text in units.items():
        (units_folder / name).write_text(text, encoding="utf-8")
    scope = ["--user"] if case.facts.scope is Scope.USER else []
    command = ["systemd-analyze", *scope, "verify", "--man=no", "--recursive-errors=no"]
    command += [str(units_folder / name) for name in units]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}  # user managers do not load without one
    verified = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert check_verified(verified.stderr, verified.returncode, units) == ()


def test_a_refusal_is_explained(tmp_path: Path) -> None:
    (tmp_path / "beacon-a.container").write_text(
        "[Container]\nImage=example.org/a\nFoo=1\n", encoding="utf-8"
    )
    (tmp_path / "beacon-b.container").write_text("[Container]\nImage=example.org/b\n", encoding="utf-8")
    (tmp_path / "beacon-c.container").write_text(
        "[Container]\nImage=example.org/c\nNetwork=no.network\n", encoding="utf-8"
    )
    done = generate(tmp_path)
    found = check_generated([file.name for file in tmp_path.iterdir()], done.stdout, done.stderr, VERSION)
    assert [finding.file for finding in found] == ["beacon-a.container", "beacon-c.container"]
    assert "does not know the key Foo in [Container] of beacon-a.container" in found[0].problem
    assert found[1].problem == "beacon-c.container refers to no.network, which is not there"
