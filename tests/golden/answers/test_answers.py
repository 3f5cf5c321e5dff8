"""What ``--json`` prints stays as it is, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.wire.answer import to_json
from tests.golden.answers.cases import CASES, expected


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    text = to_json(CASES[name](tmp_path)).replace(str(tmp_path), "/machine") + "\n"
    if request.config.getoption("--update-golden", default=False):
        expected(name).write_text(text, encoding="utf-8")
    assert text == expected(name).read_text(encoding="utf-8")


def test_there_is_a_case_for_every_file() -> None:
    assert {path.stem for path in expected("plan").parent.iterdir()} == set(CASES)
