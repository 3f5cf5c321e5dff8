"""What rollouts rely on of the service manager and the engine together."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from beacon.model.runtime import JobResult, LastExit, LastJob, UnitState
from tests.contract.machine.rigs import Pushed, Rig

UNIT = "beacon-one.service"
LIMIT = 30.0


def _install(rig: Rig, behaviour: str = "good") -> Pushed:
    image = rig.push(behaviour, behaviour)
    rig.engine.pull(image.reference, lambda _: None)
    rig.install("one", image.reference, 4)
    rig.systemd.reload()
    return image


def _state(rig: Rig) -> UnitState:
    return rig.systemd.states([UNIT])[UNIT]


def test_an_unknown_unit_is_not_found_and_cannot_be_started(rig: Rig) -> None:
    assert _state(rig).load == "not-found"
    assert rig.systemd.start(UNIT, LIMIT) is JobResult.REFUSED
    assert rig.systemd.restart(UNIT, LIMIT) is JobResult.REFUSED


def test_a_file_counts_from_the_reload_on(rig: Rig) -> None:
    _install(rig)
    state = _state(rig)
    assert (state.load, state.active) == ("loaded", "inactive")
    assert state.is_stopped
    assert not state.is_up


def test_a_started_service_runs_its_image(rig: Rig) -> None:
    image = _install(rig)
    assert rig.systemd.start(UNIT, LIMIT) is JobResult.DONE
    state = _state(rig)
    assert (state.active, state.sub, state.result, state.is_up) == ("active", "running", "success", True)
    assert state.main_pid > 0
    assert rig.systemd.listed("beacon-*.service")[UNIT].active == "active"
    container = rig.engine.containers()["one"]
    assert (container.image_id, container.release) == (image.image_id, 4)


def test_a_restart_is_another_process(rig: Rig) -> None:
    _install(rig)
    rig.systemd.start(UNIT, LIMIT)
    before = _state(rig)
    assert rig.systemd.restart(UNIT, LIMIT) is JobResult.DONE
    after = _state(rig)
    assert after.main_pid != before.main_pid
    assert after.started > before.started
    assert after.restarts == before.restarts


def test_a_stopped_service_is_stopped_and_not_failed(rig: Rig) -> None:
    _install(rig)
    rig.systemd.start(UNIT, LIMIT)
    assert rig.systemd.stop(UNIT, LIMIT) is JobResult.DONE
    assert _state(rig).is_stopped
    assert rig.engine.containers() == {}


def test_a_service_that_cannot_start_has_a_failed_job(rig: Rig) -> None:
    _install(rig, "unstartable")
    assert rig.systemd.start(UNIT, LIMIT) is JobResult.FAILED
    assert _state(rig).active == "failed"
    assert rig.systemd.last_words(UNIT)
    rig.systemd.reset_failed(UNIT)
    assert _state(rig).active == "inactive"


def test_a_service_that_exits_after_its_start_fails_later(rig: Rig) -> None:
    _install(rig, "exits")
    assert rig.systemd.start(UNIT, LIMIT) is JobResult.DONE
    for _ in range(20):  # it ends by itself, and an engine takes its time to see that
        rig.pass_time(0.5)
        if _state(rig).active == "failed":
            break
    state = _state(rig)
    assert (state.active, state.result, state.exit_status) == ("failed", "exit-code", 1)
    assert _answers(lambda: rig.systemd.last_exit(UNIT), LastExit("exit-code", 1))


def test_units_that_stop_with_a_service_are_its_dependents(rig: Rig) -> None:
    _install(rig)
    rig.systemd.start(UNIT, LIMIT)
    assert rig.systemd.dependents(UNIT) == ()
    rig.require(UNIT, "gateway.service")
    assert rig.systemd.dependents(UNIT) == ("gateway.service",)
    rig.systemd.restart(UNIT, LIMIT)
    rig.systemd.wait_idle("gateway.service", LIMIT)  # it comes up again after the unit, with a job of its own
    assert rig.systemd.states(["gateway.service"])["gateway.service"].active == "active"


def test_a_start_joins_the_job_of_a_unit_that_is_coming_up(rig: Rig) -> None:
    _install(rig)
    rig.systemd.start(UNIT, LIMIT)
    rig.require(UNIT, "gateway.service")
    rig.systemd.restart(UNIT, LIMIT)
    assert rig.systemd.start("gateway.service", LIMIT) is JobResult.DONE
    came = rig.systemd.states(["gateway.service"])["gateway.service"]
    assert came.active == "active"
    assert rig.systemd.start("gateway.service", LIMIT) is JobResult.DONE
    assert rig.systemd.states(["gateway.service"])["gateway.service"] == came, "one that is up stays as it is"


def test_all_who_wait_for_one_job_hear_of_its_end(rig: Rig) -> None:
    """A start joins the job that is queued already, and there is one word of its end for all."""
    _install(rig)
    rig.require(UNIT, "gateway.service")
    rig.systemd.stop("gateway.service", LIMIT)
    with ThreadPoolExecutor(4) as hands:
        ends = [hands.submit(rig.systemd.start, "gateway.service", LIMIT) for _ in range(4)]
    assert [end.result() for end in ends] == [JobResult.DONE] * 4


def test_a_failed_restart_takes_dependents_down(rig: Rig) -> None:
    _install(rig)
    rig.systemd.start(UNIT, LIMIT)
    rig.require(UNIT, "gateway.service")
    _install(rig, "unstartable")
    rig.systemd.restart(UNIT, LIMIT)
    deadline = time.monotonic() + 10  # they are stopped by jobs of their own
    while (
        up := rig.systemd.states(["gateway.service"])["gateway.service"].is_up
    ) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not up


def test_waiting_for_an_idle_unit_returns(rig: Rig) -> None:
    _install(rig)
    rig.systemd.wait_idle(UNIT, 1)
    assert _state(rig).active == "inactive"


def test_the_last_job_tells_a_stop_from_a_failure(rig: Rig) -> None:
    _install(rig)
    assert rig.systemd.last_job("beacon-nobody.service") is None
    rig.systemd.start(UNIT, LIMIT)
    assert _answers(lambda: rig.systemd.last_job(UNIT), LastJob("start", "done"))
    rig.systemd.stop(UNIT, LIMIT)
    assert _answers(lambda: rig.systemd.last_job(UNIT), LastJob("stop", "done"))
    _install(rig, "unstartable")
    rig.systemd.start(UNIT, LIMIT)
    assert _answers(lambda: rig.systemd.last_job(UNIT), LastJob("start", "failed"))


def _answers(ask: Callable[[], object], answer: object) -> bool:
    """Say whether the journal gives that answer within seconds: entries take a moment to be in it."""
    deadline = time.monotonic() + 5
    while ask() != answer:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_what_a_unit_requires(rig: Rig) -> None:
    _install(rig)
    rig.systemd.start(UNIT, LIMIT)
    rig.require(UNIT, "gateway.service")
    assert UNIT in rig.systemd.requirements("gateway.service")
    assert "gateway.service" not in rig.systemd.requirements(UNIT)
