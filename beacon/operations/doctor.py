"""What is wrong with a machine, why it matters, and what mends it; nothing is changed."""

from __future__ import annotations

from beacon.definition.settings import Settings
from beacon.doctor.collect.survey import Survey
from beacon.doctor.examine import examine
from beacon.doctor.judge.facts import SettingsFacts
from beacon.doctor.judge.finding import worst
from beacon.errors import BeaconError
from beacon.operations.findings import fields_of
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.systemd.account import user_name
from beacon.wire.finding import CheckFinding, CheckResult, Diagnosis


def doctor(machine: Machine, listener: Listener) -> Diagnosis:
    """Return the findings of every check, those that are in order, too."""
    del listener
    machine, settings = _settings(machine)
    caller = machine.caller
    survey = Survey(machine, uid=caller.uid, user=user_name(caller.uid), home=caller.home)
    reports = examine(survey, survey.commands, settings)
    return Diagnosis(
        scope=machine.scope.value,
        severity=worst(reports).word,
        checks=tuple(CheckResult(report.check, report.severity.word) for report in reports),
        findings=tuple(
            CheckFinding(check=report.check, **fields_of(finding))
            for report in reports
            for finding in report.findings
        ),
    )


def _settings(machine: Machine) -> tuple[Machine, SettingsFacts]:
    """Judge beacon.toml; if it cannot be used, the defaults are, so that the rest can be looked at."""
    file = machine.paths.settings
    try:
        _ = machine.settings
    except BeaconError as error:
        return machine.with_settings(Settings()), SettingsFacts(str(file), there=True, problem=error.message)
    return machine, SettingsFacts(str(file), there=file.exists(), problem="")
