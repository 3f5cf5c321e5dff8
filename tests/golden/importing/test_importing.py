"""Compose files become exactly the expected definitions and reports, which everything after them accepts."""

from __future__ import annotations

import pytest

from beacon.definition.decode import decode_all
from beacon.definition.effective import effective
from beacon.model.image import ImageConfig, Platform
from beacon.model.machine import Engine, EngineVersion, MachineFacts, Scope
from beacon.model.reference import Digest
from beacon.units.render import ReleaseInput, render
from tests.golden.cases import TEMPLATES
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


def rendered(case: ImportCase, version: EngineVersion) -> dict[str, str]:
    """Return the unit files of a case's definitions, which are judged together as on a machine."""
    texts = {name: text for name, text in case.results().items() if name != REPORT}
    facts = MachineFacts(Engine.PODMAN, version, 257, PLATFORM, Scope.SYSTEM)
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
