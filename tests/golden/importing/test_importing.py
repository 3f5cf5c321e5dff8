"""Compose files become exactly the expected definitions and reports, which everything after them accepts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from beacon.definition import decode_all, effective
from beacon.model.host import Engine, EngineVersion, HostFacts, Scope
from beacon.model.image import ImageConfig, Platform
from beacon.model.reference import Digest
from beacon.units.check import check_generated
from beacon.units.render import ReleaseInput, render
from tests.golden.cases import TEMPLATES
from tests.golden.conftest import GENERATOR
from tests.golden.importing.cases import REPORT, ImportCase, import_cases

CASES = import_cases()
PLATFORM = Platform("linux", "amd64")
IMAGE = ImageConfig(image_id=Digest("sha256:" + "1" * 64), platform=PLATFORM)


def test_there_are_enough() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: ImportCase, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden", default=False):
        case.update()
    assert case.results() == case.expected()


@pytest.mark.parametrize("version", ["4.9.3", "5.4.2"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_definitions_are_in_order_and_can_be_rendered(case: ImportCase, version: str) -> None:
    files = rendered(case, EngineVersion.parse(version))
    assert f"beacon-{case.imported().definitions[0].name}.container" in files


@pytest.mark.skipif(GENERATOR is None, reason="no generator of Podman's here; the Debian 13 root has one")
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


def rendered(case: ImportCase, version: EngineVersion) -> dict[str, str]:
    """Return the unit files of a case's definitions, which are judged together as on a machine."""
    texts = {name: text for name, text in case.results().items() if name != REPORT}
    facts = HostFacts(Engine.PODMAN, version, 257, PLATFORM, Scope.SYSTEM)
    files: dict[str, str] = {}
    for declared in decode_all(texts):
        release = ReleaseInput(
            service=effective(declared, IMAGE).service,
            declared=declared,
            digest=Digest("sha256:" + "5" * 64),
            number=1,
        )
        files |= {file.name: file.text for file in render(release, facts, TEMPLATES)}
    return files
