"""What is said of those who are told of what happens."""

from __future__ import annotations

from beacon.doctor.judge.finding import Commands, Severity
from beacon.doctor.judge.notifying import NotifyingFacts, TargetFacts, notifying
from beacon.model.machine import Scope

SYSTEM = Commands(Scope.SYSTEM)
PHONE, OWN = TargetFacts("phone", by_apprise=True), TargetFacts("own")


def test_where_nobody_is_told_nothing_is_said() -> None:
    assert notifying(NotifyingFacts(has_apprise=False), SYSTEM) == []


def test_targets_that_can_be_told_are_in_order() -> None:
    (one,) = notifying(NotifyingFacts((PHONE, OWN)), SYSTEM)
    assert (one.severity, one.what) == (Severity.OK, "2 targets told of what happens")


def test_without_apprise_it_says_what_to_install_and_who_lacks_it() -> None:
    (one,) = notifying(NotifyingFacts((PHONE, OWN), has_apprise=False), SYSTEM)
    assert one.severity is Severity.ERROR
    assert "has phone told" in one.what
    assert one.mend is not None
    assert "apt install apprise" in one.mend
    assert notifying(NotifyingFacts((OWN,), has_apprise=False), SYSTEM)[0].severity is Severity.OK


def test_who_could_not_be_told_is_named_with_the_reason() -> None:
    away = TargetFacts("own", problem="tell exited with status 1", since=1_796_000_000)
    (one,) = notifying(NotifyingFacts((PHONE, away)), SYSTEM)
    assert one.severity is Severity.WARNING
    assert one.what.startswith("own could not be told since 2026-11-3")
    assert one.what.endswith("tell exited with status 1")
