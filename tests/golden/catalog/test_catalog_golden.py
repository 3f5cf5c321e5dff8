"""Each manifest of the catalog comes to exactly the expected definitions and files."""

from __future__ import annotations

import pytest

from tests.catalog import NAMES, app
from tests.golden.catalog.cases import HERE, expected_file, shown


@pytest.mark.parametrize("name", NAMES)
def test_an_app_comes_to_what_is_expected(name: str, request: pytest.FixtureRequest) -> None:
    found, file = shown(app(name)), expected_file(name)
    if request.config.getoption("--update-golden", default=False):
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert found == (file.read_text(encoding="utf-8") if file.exists() else "")


def test_nothing_is_expected_of_an_app_that_is_gone() -> None:
    assert sorted(file.stem for file in (HERE / "expected").iterdir()) == sorted(NAMES)
