"""Checks are made side by side, and none hides another."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pytest

from beacon.cli.findings import exit_status
from beacon.cli.machine.doctor import summary
from beacon.doctor.collect.survey import Machine, Survey, once
from beacon.doctor.examine import CHECKS, Check, attempt, examine
from beacon.doctor.judge.facts import SettingsFacts
from beacon.doctor.judge.finding import (
    Commands,
    Finding,
    Report,
    error,
    info,
    listed,
    ok,
    warning,
    worst,
)
from beacon.errors import AccessError, ConfigError, ExitStatus
from beacon.model.machine import Scope
from beacon.wire.finding import CheckResult, Diagnosis

COMMANDS = Commands(Scope.SYSTEM)
SETTINGS = SettingsFacts("/etc/beacon/beacon.toml")
NOWHERE = cast("Machine", object())
"""What checks that look at nothing are made on."""


def survey() -> Survey:
    return Survey(NOWHERE, uid=0, user="root", home=Path("/root"))


def made(checks: dict[str, Check], limit: float = 10) -> dict[str, tuple[Finding, ...]]:
    reports = examine(survey(), COMMANDS, SETTINGS, checks=checks, limit=limit)
    return {report.check: report.findings for report in reports}


@pytest.mark.parametrize(
    ("fault", "why", "mend"),
    [
        (AccessError("only root may", hint="sudo beacon doctor"), "only root may", "sudo beacon doctor"),
        (ConfigError("line one\nline two"), "line one; line two", ""),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied", ""),
        (ValueError("odd"), "a fault of Beacon's own, which is worth a report: ValueError: odd", ""),
    ],
)
def test_a_check_that_cannot_be_made_says_so(fault: Exception, why: str, mend: str) -> None:
    def check() -> list[Finding]:
        raise fault

    assert attempt(check) == [info("could not be looked at", why, mend)]


def test_one_check_hides_no_other_whatever_it_does() -> None:
    hang = threading.Event()

    def broken(_survey: Survey, _commands: Commands) -> list[Finding]:
        raise RuntimeError

    def hanging(_survey: Survey, _commands: Commands) -> list[Finding]:
        hang.wait(20)
        return [ok("at last")]

    found = made(
        {
            "broken": broken,
            "hanging": hanging,
            "fine": lambda _survey, _commands: [ok("fine")],
            "elsewhere": lambda _survey, _commands: [],
        },
        limit=0.3,
    )
    hang.set()
    assert list(found) == ["settings", "broken", "hanging", "fine"]
    assert found["fine"] == (ok("fine"),)
    assert found["hanging"][0].what == "no answer within 0.3 s"


def test_on_a_machine_of_which_nothing_can_be_known_every_check_says_so() -> None:
    found = made(dict(CHECKS))
    assert list(found) == ["settings", *CHECKS]
    said = {finding.what for name in CHECKS for finding in found[name]}
    assert said == {"could not be looked at"}


def test_what_several_checks_ask_is_looked_up_once_and_so_is_why_it_cannot_be() -> None:
    asked = []

    @once
    def question(survey: Survey) -> int:
        asked.append(survey)
        raise AccessError("no")

    here = survey()
    for _ in range(3):
        with pytest.raises(AccessError, match="no"):
            question(here)
    assert asked == [here]


@pytest.mark.parametrize(
    ("findings", "severity", "status"),
    [
        ((), "ok", ExitStatus.OK),
        ((ok("a"), info("b")), "info", ExitStatus.OK),
        ((info("a"), warning("b", "c")), "warning", ExitStatus.DOCTOR_WARNING),
        ((error("a", "b"), warning("b", "c")), "error", ExitStatus.DOCTOR_ERROR),
    ],
)
def test_the_worst_finding_is_the_exit_status(
    findings: tuple[Finding, ...], severity: str, status: ExitStatus
) -> None:
    assert worst([Report("one", findings), Report("two", ())]).word == severity
    assert exit_status(severity) is status


def test_the_summary_counts_checks_by_their_worst_finding() -> None:
    checks = tuple(map(CheckResult, "abcd", ("ok", "error", "error", "warning")))
    answer = Diagnosis(scope="system", severity="error", checks=checks, findings=())
    assert summary(answer) == "4 checks: 1 ok, 1 warning, 2 errors"


def test_long_lists_are_cut_short() -> None:
    assert listed("cba") == "a, b, c"
    assert listed("gfedcba", 3) == "a, b, c and 4 more"
