"""A plan shows the files of a private environment without their values."""

from __future__ import annotations

import pytest

from beacon.model.plan import Plan, Reason, ReasonKind, RemoveFile, WriteFile
from beacon.model.unit import without_values
from beacon.wire.plan import PlanAnswer, plan_answer

REASON = Reason(ReasonKind.CHANGED, "it changed")
BEFORE, AFTER = "beacon-web.container.3.env", "beacon-web.container.4.env"


def planned(value: str) -> PlanAnswer:
    """Return the answer to a plan that renames the file of a private environment."""
    text = f"# beacon: service web\nTOKEN={value}\n"
    steps = (
        RemoveFile(services=("web",), name=BEFORE, old=text, reason=REASON),
        WriteFile(services=("web",), name=AFTER, text=text, old=None, reason=REASON),
        WriteFile(services=("web",), name="beacon-web.container", text="open\n", old="was\n", reason=REASON),
    )
    return plan_answer(Plan(steps), (), (), ())


def test_names_are_shown_and_values_are_not() -> None:
    removed, written, unit = planned("geheim").steps
    assert removed.old == "TOKEN=…\n"
    assert (written.text, written.old) == ("TOKEN=…\n", None)
    assert (unit.text, unit.old) == ("open\n", "was\n")


def test_another_value_makes_another_plan() -> None:
    assert planned("one").digest != planned("another").digest
    assert planned("one").digest == planned("one").digest


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        (AFTER, "A=1=2\nB=x\u2028C=y\n", "A=…\nB=…\n"),
        ("beacon-web.service.4.env", "", ""),
        (
            "beacon-web.container.4.lines.env",
            '# a mark\nA="one\nB=\\"two\\"\nthree"\nC="four"\n',
            "A=…\nC=…\n",
        ),
    ],
    ids=["lines", "nothing", "values of several lines"],
)
def test_what_is_left_of_a_file(name: str, text: str, shown: str) -> None:
    assert without_values(name, text) == shown
