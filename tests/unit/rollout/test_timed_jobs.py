"""Jobs at certain times: their units come and go with the files of a release."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.model.outcome import OutcomeKind
from beacon.model.parts.job import Job
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, service, tools

TIMER = "beacon-web.job-cron.timer"
UNIT = "beacon-web.job-cron.service"
WITH_JOB = service(jobs=(Job("cron", "*:0/5", ("true",)),))


def test_a_release_brings_its_jobs_and_one_that_fails_takes_them_back() -> None:
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"))
    assert roll_out(machine, push(machine, "2", "exits"), WITH_JOB).kind is OutcomeKind.ROLLED_BACK
    assert not {TIMER, UNIT} & machine.files.keys()
    assert roll_out(machine, push(machine, "3"), WITH_JOB).kind is OutcomeKind.UPDATED
    assert {TIMER, UNIT} <= machine.files.keys()
    assert "WantedBy=beacon-web.service" in machine.files[TIMER]


def test_a_timer_whose_file_goes_is_stopped_before() -> None:
    machine = FakeMachine()
    image = push(machine, "1")
    roll_out(machine, image, WITH_JOB)
    machine.effects.clear()
    tools(machine).put_files({TIMER: None, UNIT: None})
    assert [entry for entry in machine.effects if TIMER in entry] == [f"stop {TIMER}", f"put {TIMER}"]


def test_other_times_are_other_files() -> None:
    machine = FakeMachine()
    image = push(machine, "1")
    roll_out(machine, image, WITH_JOB)
    before = machine.files[TIMER]
    roll_out(machine, image, replace(WITH_JOB, jobs=(Job("cron", "daily", ("true",)),)))
    assert machine.files[TIMER] != before
    assert "Persistent=true" in machine.files[TIMER]
