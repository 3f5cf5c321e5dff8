"""What status tells of a service beside its release: where it is, how it fails, and what waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.model.event import EventKind
from beacon.model.image import ResolvedImage
from beacon.model.machine import EngineVersion
from beacon.model.outcome import LastCheck
from beacon.model.parts.job import Job
from beacon.model.reference import ImageReference
from beacon.model.release import Pending, ServiceState
from beacon.model.service import Endpoint, Port, Protocol, UpdatePolicy
from beacon.operations.control import HoldRequest, ServiceRequest, hold, unhold
from beacon.operations.history import HistoryRequest, history
from beacon.operations.status import StatusRequest, status
from beacon.state.store import Checks
from beacon.wire.status import ServiceStatus, Status
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import digest, push, roll_out, service

UNIT = "beacon-web.service"
IMAGE = ImageReference.parse("registry.example/me/web:latest")


class Versioned(FakeMachine):
    """A machine whose engine says which version it is."""

    def version(self) -> EngineVersion:
        return EngineVersion(5, 4, 2)


@pytest.fixture
def fake() -> FakeMachine:
    return Versioned()


@pytest.fixture
def here(fake: FakeMachine, tmp_path: Path) -> StagedMachine:
    staged = StagedMachine(fake, tmp_path)
    staged.paths.definitions.mkdir(parents=True)
    staged.definition_path("web").write_text('image = "registry.example/me/web:latest"\n')
    return staged


def asked(here: StagedMachine, name: str = "") -> Status:
    return status(here, StatusRequest(name), Recorder())


def web(here: StagedMachine, name: str = "") -> ServiceStatus:
    (one,) = asked(here, name).services
    return one


def waiting(fake: FakeMachine, image: ResolvedImage) -> ServiceState:
    """Return the state of a service for which an image was found."""
    return replace(fake.saved["web"], pending=Pending(IMAGE, image, "2026-11-21T12:00:00Z"))


def test_where_a_service_is_reached(fake: FakeMachine, here: StagedMachine) -> None:
    ports = (Port(80, 8080, "127.0.0.1"), Port(53, 5300, protocol=Protocol.UDP, count=2), Port(9000))
    ends = (Endpoint("web.example.org", 80), Endpoint("db.example.org", 53, scheme="udp"))  # type: ignore[arg-type]
    roll_out(fake, push(fake, "1"), service(ports=ports, endpoints=ends))
    shown = [(one.address, one.port, one.container_port, one.count, one.protocol) for one in web(here).ports]
    assert shown == [("127.0.0.1", 8080, 80, 1, "tcp"), ("", 5300, 53, 2, "udp"), ("", None, 9000, 1, "tcp")]
    assert web(here).urls == ()
    vars(here)["is_proxied"] = True
    assert web(here).urls == ("https://web.example.org/",)


def test_the_short_form_and_a_chosen_domain_have_urls_too(fake: FakeMachine, here: StagedMachine) -> None:
    vars(here)["is_proxied"] = True
    roll_out(fake, push(fake, "1"), service())
    state = fake.saved["web"]
    live = state.releases[0]
    other = replace(live, service=service(domain="a.example.org:http=80 auto"), domain="calm-river.lan")
    fake.saved["web"] = replace(state, releases=(other,))
    assert web(here).urls == ("https://a.example.org/", "https://calm-river.lan/")


@pytest.mark.parametrize(
    ("result", "code", "how"),
    [
        ("exit-code", 3, "exits with status 3"),
        ("exit-code", 125, "exits with status 125: the engine could not run it"),
        ("signal", 11, "is killed by signal 11"),
        ("oom-kill", 9, "is killed for lack of memory"),
        ("timeout", 0, "does not start or stop in time"),
        ("novel", 0, "fails (novel)"),
    ],
)
def test_how_a_service_fails(
    fake: FakeMachine, here: StagedMachine, result: str, code: int, how: str
) -> None:
    roll_out(fake, push(fake, "1"))
    unit = fake.units[UNIT]
    unit.active, unit.sub, unit.result, unit.status, unit.restarts = (
        "activating",
        "auto-restart",
        result,
        code,
        7,
    )
    one = web(here)
    assert one.failing is not None
    assert (one.failing.how, one.failing.restarts) == (how, 7)
    assert one.failing.since is not None
    assert one.notes[-1].startswith(f"{how} since ")
    assert one.notes[-1].endswith(", started again 7 times")


def test_a_release_that_failed_at_first_and_runs_is_not_called_failed(
    fake: FakeMachine, here: StagedMachine
) -> None:
    image = push(fake, "1", "exits")
    roll_out(fake, image)
    assert any(note == "release 1 failed" for note in web(here).notes)
    fake.registry[image.digest].behaviour = "good"
    fake.restart(UNIT, 90)
    one = web(here)
    assert (one.active, one.failing) == ("active", None)
    assert not any("failed" in note for note in one.notes)


@pytest.mark.parametrize(
    ("policy", "until", "reason"),
    [
        (UpdatePolicy(), "", "it is rolled out with the next check"),
        (UpdatePolicy(min_age=1e9), "2058-07-30T13:46:40Z", "its image is too young until 2058-"),
    ],
)
def test_what_an_update_waits_for(
    fake: FakeMachine, here: StagedMachine, policy: UpdatePolicy, until: str, reason: str
) -> None:
    roll_out(fake, push(fake, "1"), service(update=policy))
    fake.saved["web"] = waiting(fake, push(fake, "2"))
    pending = web(here).pending
    assert pending is not None
    assert pending.reason.startswith(reason)
    assert (pending.until or "") == until
    assert any(note.startswith(f"update: {reason}") for note in web(here).notes)


def test_what_is_pinned_waits_for_nothing(fake: FakeMachine, here: StagedMachine) -> None:
    roll_out(fake, push(fake, "1"), service(update=UpdatePolicy(follow="pinned")))
    fake.saved["web"] = waiting(fake, push(fake, "2"))
    assert web(here).pending is None


def test_the_last_and_the_next_check(fake: FakeMachine, here: StagedMachine) -> None:
    roll_out(fake, push(fake, "1"), service(update=UpdatePolicy(every=3600)))
    assert (web(here).next_check, asked(here).next_run) == (None, None)
    fake.timers["beacon-update.timer"] = 1_795_000_000_000_000  # 2026-11-18T11:06:40Z
    assert web(here).next_check == "2026-11-18T11:06:40Z"
    fake.save_checks(Checks({"web": LastCheck("2026-11-18T11:00:00Z", "up_to_date")}))
    assert web(here).next_check == "2026-11-18T11:54:00Z"
    assert asked(here).next_run == "2026-11-18T11:06:40Z"
    hold(here, HoldRequest("web"), Recorder())
    assert web(here).next_check is None


def test_a_hold_is_told_with_its_reason_in_status_history_and_journal(
    fake: FakeMachine, here: StagedMachine
) -> None:
    roll_out(fake, push(fake, "1"))
    fake.saved["web"] = waiting(fake, push(fake, "2"))
    hold(here, HoldRequest("beacon-web", "a holiday"), Recorder())
    one, logged = web(here), history(here, HistoryRequest("web"), Recorder())
    assert one.hold is not None
    assert logged.hold == one.hold
    assert one.hold.reason == "a holiday"
    assert "held: a holiday" in one.notes
    assert one.pending is not None
    assert one.pending.reason == "the service is held"
    unhold(here, ServiceRequest("web"), Recorder())
    assert web(here).hold is None
    events = [(event.kind, event.message) for event in fake.events][-2:]
    assert events == [
        (EventKind.HELD, "web is held by its owner: a holiday"),
        (EventKind.UNHELD, "web follows its image again"),
    ]


def test_one_service_is_told_with_what_it_takes(fake: FakeMachine, here: StagedMachine) -> None:
    roll_out(fake, push(fake, "1"))
    fake.volumes["beacon-web-data"] = "web"
    assert web(here).usage is None
    usage = web(here, "web").usage
    assert usage is not None
    assert (usage.memory, usage.cpu) == (5 << 20, 1.5)
    assert [(one.volume, one.bytes) for one in usage.volumes] == [("beacon-web-data", 4096)]
    fake.stop(UNIT, 90)
    usage = web(here, "web").usage
    assert usage is not None
    assert (usage.memory, usage.cpu) == (None, None)


def test_what_is_in_quarantine_is_no_update_that_waits(fake: FakeMachine, here: StagedMachine) -> None:
    roll_out(fake, push(fake, "1"))
    bad = push(fake, "2", "exits")
    roll_out(fake, bad)
    fake.saved["web"] = waiting(fake, bad)
    one = web(here)
    assert one.pending is None
    assert [entry.digest for entry in one.quarantine] == [bad.digest]
    assert bad.digest != digest("another")


def test_jobs_are_shown_with_their_end_and_their_next_time(here: StagedMachine, fake: FakeMachine) -> None:
    jobs = (Job("cron", "*:0/5", ("true",)), Job("clean", "daily", ("true",)))
    roll_out(fake, push(fake, "1"), service(jobs=jobs))
    fake.timers["beacon-web.job-cron.timer"] = 1_800_000_000_000_000
    failed = fake._unit("beacon-web.job-cron.service")  # noqa: SLF001  # which no fake runs
    failed.active, failed.result, failed.status = "failed", "exit-code", 3
    cron, clean = web(here, "web").jobs
    assert (cron.state, cron.reason, cron.next_run) == ("failed", "exit status 3", "2027-01-15T08:00:00Z")
    assert (clean.state, clean.next_run) == ("waiting", None)
    assert "job cron failed" not in web(here, "web").notes
    assert (web(here).jobs, web(here).notes[-1]) == ((), "job cron failed")
