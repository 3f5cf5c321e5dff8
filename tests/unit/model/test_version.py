"""Versions and ranges: what a tag is worth, and which one a service follows."""

from __future__ import annotations

from itertools import pairwise

import pytest

from beacon.model.version import Version, VersionRange


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        pytest.param("1.4.2", Version((1, 4, 2)), id="three numbers"),
        pytest.param("1.4", Version((1, 4, 0), 2), id="two numbers count as with a zero"),
        pytest.param("16", Version((16, 0, 0), 1), id="one number"),
        pytest.param("v2.0.1", Version((2, 0, 1), prefix="v"), id="a v in front"),
        pytest.param("1.4.2-alpine", Version((1, 4, 2), variant="alpine"), id="a variant is no pre-release"),
        pytest.param(
            "1.4-alpine3.19", Version((1, 4, 0), 2, variant="alpine3.19"), id="a variant with numbers"
        ),
        pytest.param("1.4.2-rc.1", Version((1, 4, 2), pre=("rc", "1")), id="a pre-release"),
        pytest.param("1.4.2-rc1-alpine", Version((1, 4, 2), pre=("rc", "1"), variant="alpine"), id="both"),
        pytest.param(
            "3.14.0a1-slim", Version((3, 14, 0), pre=("a", "1"), variant="slim"), id="as Python writes"
        ),
        pytest.param("1.0.0-0.3.7", Version((1, 0, 0), pre=("0", "3", "7")), id="a pre-release of numbers"),
        pytest.param("1.0.0-beta", Version((1, 0, 0), pre=("beta",)), id="a pre-release without a number"),
        pytest.param(
            "1.25-mainline", Version((1, 25, 0), 2, variant="mainline"), id="m is no word by itself"
        ),
        pytest.param("24.04", Version((24, 4, 0), 2), id="a leading zero, as calendars have"),
        pytest.param("latest", None, id="a word"),
        pytest.param("20240131", None, id="a date is not a version"),
        pytest.param("3.0.1.4259", Version((3, 0, 1, 4259), 4), id="four numbers"),
        pytest.param("1.2.3.0.0", Version((1, 2, 3), 5), id="zeros at the end count for nothing"),
        pytest.param("1." + "9" * 5000, None, id="a number that no version has"),
        pytest.param("\u0661.\u0664", None, id="other digits than ASCII's"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_tag_is_read_as(tag: str, expected: Version | None) -> None:
    assert Version.parse(tag) == expected


def test_versions_are_ordered_as_semver_orders_them() -> None:
    tags = [
        "1.0.0-0.3.7",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0-rc10",
        "1.0.0",
        "1.0.1",
        "1.0.1.9",
        "1.0.1.10",
        "1.0.1.10.1",
        "1.10.0",
        "2.0.0",
    ]
    versions = [Version.parse(tag) for tag in tags]
    for lower, higher in pairwise(versions):
        assert lower is not None
        assert higher is not None
        assert lower.precedence < higher.precedence


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        pytest.param("^1.4", ["1.4.0", "1.99.0"], ["1.3.9", "2.0.0", "2.0.0-rc.1", "1.5.0-rc.1"], id="caret"),
        pytest.param("^0.3.1", ["0.3.1", "0.3.9"], ["0.4.0", "0.3.0"], id="caret below one"),
        pytest.param("^0.0.3", ["0.0.3"], ["0.0.4"], id="caret below everything"),
        pytest.param("^0", ["0.0.1", "0.9.0"], ["1.0.0"], id="caret of zero alone"),
        pytest.param("~1.4.2", ["1.4.2", "1.4.9"], ["1.5.0", "1.4.1"], id="tilde"),
        pytest.param("~1", ["1.0.0", "1.9.0"], ["2.0.0"], id="tilde of one number"),
        pytest.param(">=1.2 <2", ["1.2.0", "1.99.0"], ["1.1.9", "2.0.0", "2.0.0-rc.1"], id="two comparisons"),
        pytest.param(">= 1.2, < 2", ["1.2.0"], ["2.0.0"], id="with a comma and spaces"),
        pytest.param("1.x", ["1.0.0", "1.9.3"], ["2.0.0", "0.9.0"], id="x"),
        pytest.param("1.2.*", ["1.2.0", "1.2.9"], ["1.3.0"], id="star"),
        pytest.param("1.2", ["1.2.0", "1.2.9"], ["1.3.0"], id="a short version is all of it"),
        pytest.param("=1.2.3", ["1.2.3", "1.2.3.0"], ["1.2.4", "1.2.3.1"], id="exactly"),
        pytest.param(">=3.0.1.4259", ["3.0.1.4259", "3.0.1.5000", "3.0.2"], ["3.0.1", "3.0.1.9"], id="four"),
        pytest.param("^3.0.1.4259", ["3.0.1.4259", "3.9"], ["3.0.1.9", "4.0.0.1"], id="caret of four"),
        pytest.param("~3.0.1.4259", ["3.0.1.4259", "3.0.9"], ["3.1.0.1"], id="tilde of four"),
        pytest.param(
            "3.0.1.x", ["3.0.1", "3.0.1.4259"], ["3.0.2", "3.0.0.9"], id="a star in the fourth place"
        ),
        pytest.param(">1.2", ["1.3.0"], ["1.2.0", "1.2.9"], id="above a short version"),
        pytest.param("<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"], id="up to a short version"),
        pytest.param("*", ["0.0.1", "99.0.0"], ["1.0.0-rc.1"], id="everything but pre-releases"),
        pytest.param(
            "^1.5.0-rc.1",
            ["1.5.0-rc.1", "1.5.0-rc.2", "1.5.0", "1.6.0-beta.1"],
            ["1.5.0-beta.9", "2.0.0-rc.1", "2.0.0"],
            id="a range that names a pre-release admits them",
        ),
    ],
)
def test_a_range_contains(text: str, inside: list[str], outside: list[str]) -> None:
    wanted = VersionRange.parse(text)
    assert [tag for tag in inside + outside if (v := Version.parse(tag)) and wanted.contains(v)] == inside


@pytest.mark.parametrize(
    "text", ["", "latest", "^", "1.2.3.", "^" + "1" * 5000, ">=", "^1.2-rc.1", "1 || 2", "^^1", "1.x.2-"]
)
def test_what_is_no_range_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a version range such as \^1\.4"):
        VersionRange.parse(text)


@pytest.mark.parametrize(
    ("wanted", "tags", "current", "expected"),
    [
        pytest.param(
            "^1.4", ["1.4.0", "1.10.0", "1.9.0", "2.0.0"], "1.4.0", "1.10.0", id="the highest in range"
        ),
        pytest.param("^1.4", ["1.5.0-alpine", "1.4.9", "latest"], "1.4.0", "1.4.9", id="not another variant"),
        pytest.param(
            "^1.4", ["1.5.0-alpine", "1.6.0"], "1.4.0-alpine", "1.5.0-alpine", id="the same variant"
        ),
        pytest.param("^1.4", ["1.5", "1.5.0", "v1.5.0"], "1.4.0", "1.5.0", id="the one that says more"),
        pytest.param("^1.4", ["1.5.0", "v1.5.0"], "v1.4.0", "v1.5.0", id="written like the current one"),
        pytest.param("^1.4", ["1.5.0-rc.1", "1.4.1"], "1.4.0", "1.4.1", id="no pre-release unasked"),
        pytest.param("^1.4", ["1.5.0"], "latest", "1.5.0", id="from a tag that is no version"),
        pytest.param("^3", ["1.5.0", "20240131"], "1.4.0", None, id="nothing in range"),
        pytest.param("^1.4", [], "1.4.0", None, id="no tags at all"),
        pytest.param(
            ">=10.11",
            ["10.11.4", "2021.12.16", "20211216.1"],
            "10.11.3",
            "10.11.4",
            id="a date is no version",
        ),
        pytest.param(">=10.11", ["10.11.4", "2021.12"], "latest", "10.11.4", id="nor after a word"),
        pytest.param(
            ">=2021", ["2021.12.16", "2022.1.3"], "2021.12.16", "2022.1.3", id="a date after a date"
        ),
        pytest.param("*", ["2021.12.16", "2022.1.3"], "2021.12.16", "2022.1.3", id="whatever the range"),
        pytest.param(">=2021.1", ["2021.12.16", "9.1"], "latest", "2021.12.16", id="a range of dates"),
        pytest.param(">=3.0", ["3.0.1.4259", "3.0.1.9"], "3.0.1.9", "3.0.1.4259", id="the highest of four"),
    ],
)
def test_the_best_tag_is(wanted: str, tags: list[str], current: str, expected: str | None) -> None:
    assert next(iter(VersionRange.parse(wanted).ranked(tags, current)), None) == expected


def test_a_range_prints_as_it_was_written() -> None:
    assert str(VersionRange.parse(" >=1.2 <2 ")) == ">=1.2 <2"
