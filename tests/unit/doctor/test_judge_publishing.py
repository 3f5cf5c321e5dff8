"""What is said of the stores that endpoints are published to."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.doctor.judge.facts import PublishingFacts, StoreFacts, UnitFacts
from beacon.doctor.judge.finding import Commands, Severity
from beacon.doctor.judge.publishing import publishing
from beacon.model.machine import Scope

SYSTEM, USER = Commands(Scope.SYSTEM), Commands(Scope.USER)
UP = UnitFacts("beacon-endpoints.service", "loaded", "active", "enabled")
REDIS = StoreFacts("redis://127.0.0.1:6379/0")
WELL = PublishingFacts((REDIS,), UP)


def test_where_nothing_is_published_nothing_is_said() -> None:
    assert publishing(PublishingFacts(), SYSTEM) == []


def test_stores_that_are_told_are_in_order() -> None:
    (one,) = publishing(WELL, SYSTEM)
    assert (one.severity, one.what) == (Severity.OK, "1 store told of the endpoints")


def test_a_store_that_does_not_answer_is_an_error_with_what_its_own_message_says_to_do() -> None:
    silent = StoreFacts("etcd://127.0.0.1:2379", "cannot reach etcd", "start it")
    (one,) = publishing(replace(WELL, stores=(REDIS, silent)), SYSTEM)
    assert (one.severity, one.what, one.mend) == (Severity.ERROR, "cannot reach etcd", "start it")


def test_a_service_that_does_not_publish_is_told_with_how_to_have_it_do_so() -> None:
    (off,) = publishing(replace(WELL, unit=replace(UP, active="inactive")), SYSTEM)
    assert (off.severity, off.mend) == (Severity.WARNING, "beacon endpoint publish --enable")
    (failed,) = publishing(replace(WELL, unit=replace(UP, active="failed")), USER)
    assert failed.mend == "journalctl --user -u beacon-endpoints.service"


def test_a_store_that_is_published_to_no_more_is_mentioned() -> None:
    (one,) = publishing(PublishingFacts(left=("redis://old:6379/0",)), SYSTEM)
    assert (one.severity, one.what) == (
        Severity.INFO,
        "beacon.toml does not name redis://old:6379/0 any more",
    )
