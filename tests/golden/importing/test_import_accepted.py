"""What is imported is accepted by Podman's own generator; collected only where there is one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from beacon.model.machine import EngineVersion
from beacon.units.check import check_generated
from tests.golden.conftest import GENERATOR
from tests.golden.importing.cases import ImportCase
from tests.golden.importing.test_importing import CASES, rendered


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_generator_accepts(case: ImportCase, tmp_path: Path) -> None:
    assert GENERATOR is not None
    said = subprocess.run([GENERATOR, "--version"], capture_output=True, text=True, check=True).stdout
    version = EngineVersion.parse(said)
    files = rendered(case, version)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = {**os.environ, "QUADLET_UNIT_DIRS": str(tmp_path)}
    command = [str(GENERATOR), "-dryrun", "-no-kmsg-log"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert check_generated(files, done.stdout, done.stderr, version) == ()
    assert done.returncode == 0
