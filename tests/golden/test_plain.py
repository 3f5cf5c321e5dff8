"""systemd accepts the plain units, and their words are those that were meant."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from beacon.model.machine import Engine, Scope
from beacon.model.unit import is_environment, is_job
from beacon.units.check import check_verified
from tests.golden.cases import FAULTS, Case, all_cases

CASES = [case for case in all_cases() if not case.facts.has_quadlet and FAULTS not in case.expected()]
ENGINES = {Engine.DOCKER: "/usr/bin/docker", Engine.PODMAN: "/usr/bin/podman"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_systemd_accepts(case: Case, tmp_path: Path) -> None:
    """What the units call and require need not be here: stand-ins are."""
    here = tmp_path / "units"
    here.mkdir()
    files = case.acceptable()
    units = {name: text for name, text in files.items() if name.endswith((".service", ".timer"))}
    for name, text in files.items():
        if is_environment(name):
            continue
        stood_in = text.replace(ENGINES[case.facts.engine], "/bin/true").replace("=-beacon", "=-/bin/true")
        (here / name).write_text(stood_in, encoding="utf-8")
    (here / "docker.service").write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    scope = ["--user"] if case.facts.scope is Scope.USER else []
    command = ["systemd-analyze", *scope, "verify", "--man=no", "--recursive-errors=no"]
    command += [str(file) for file in sorted(here.iterdir())]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/root", "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert check_verified(done.stderr, done.returncode, units) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_units_are_named_as_quadlet_names_its_own(case: Case) -> None:
    unit = f"beacon-{case.service}.service"
    for name in case.expected():
        known = name.endswith((unit, "-volume.service", "-network.service", ".slice"))
        assert known or is_job(name) or (is_environment(name) and name.startswith(f"{unit}.7."))
