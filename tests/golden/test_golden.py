"""Definitions become exactly the expected files."""

from __future__ import annotations

import pytest

from beacon.units.mark import read_mark
from tests.golden.cases import FAULTS, Case, all_cases


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_case(case: Case, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden", default=False):
        case.update()
    assert case.rendered() == case.expected()


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_expected_files_carry_an_intact_mark(case: Case) -> None:
    for name, text in case.expected().items():
        if name != FAULTS:
            mark = read_mark(text)
            assert mark is not None
            assert mark.intact


def test_a_network_is_the_same_file_whoever_renders_it() -> None:
    by_host: dict[tuple[str, str], set[str]] = {}
    for case in all_cases():
        for name, text in case.expected().items():
            if name.endswith(".network"):
                by_host.setdefault((name, str(case.facts.engine_version)), set()).add(text)
    assert any(name == "beacon-backend.network" for name, _ in by_host)
    assert all(len(texts) == 1 for texts in by_host.values())
