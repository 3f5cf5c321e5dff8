"""What a rendered main file says of its release is read out of it again, whatever made it."""

from __future__ import annotations

import tomllib

import pytest

from beacon.model.reference import Digest
from beacon.model.unit import service_files
from beacon.units.installed import read_installed
from tests.golden.cases import FAULTS, Case, all_cases

CASES = [case for case in all_cases() if FAULTS not in case.expected()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_release_is_read_back(case: Case) -> None:
    files = case.expected()
    text = next(files[name] for name in service_files(case.service) if name in files)
    found = read_installed(text, case.service)
    assert found is not None
    assert (found.digest, found.number) == (Digest("sha256:" + "5" * 64), 7)
    image = tomllib.loads((case.folder / "definition.toml").read_text())["image"]
    assert str(found.reference).removesuffix(":latest") == image.removesuffix(":latest")
    given = tomllib.loads((case.folder / "facts.toml").read_text()).get("ports", {})
    published = {key: port for key, port in given.items() if f"127.0.0.1:{port}:" in text}
    assert published.items() <= found.ports.items()


def test_a_file_of_another_or_changed_by_hand_says_nothing() -> None:
    (case,) = [case for case in CASES if case.name == "web_minimal"]
    text = case.expected()["beacon-web.container"]
    assert read_installed(text, "web") is not None
    assert read_installed(text, "other") is None
    assert read_installed(text + "# by hand\n", "web") is None
