"""What the machine, another service or a registry does is no fault of an image, and hinders no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from beacon.definition.effective import in_effect
from beacon.engine.command import CommandFailedError, explain
from beacon.errors import LimitError, MachineError
from beacon.model.image import ImageHealth, Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import Release
from beacon.model.rollout.record import Rollout, StepKind
from beacon.model.runtime import Container, JobResult
from beacon.model.service import Health, UpdatePolicy
from beacon.registry.results import CheckResult, Resolution
from beacon.rollout.checking.check import Check, Checked
from beacon.rollout.deploy import deploy, kind_of
from beacon.rollout.handling.running import job_limit
from beacon.rollout.ports import Progress
from beacon.rollout.update import update
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import (
    RENDERER,
    candidate,
    is_at_rest,
    plan_rollout,
    push,
    roll_out,
    running,
    service,
    tools,
)

UNIT = "beacon-web.service"


class BusyEngine(FakeMachine):
    """A machine whose engine does not answer when it is asked what runs."""

    is_busy = False

    def containers(self) -> Mapping[str, Container]:
        if self.is_busy:
            raise MachineError("podman ps did not end within 60 s")
        return super().containers()


def test_an_engine_that_does_not_answer_keeps_no_service_down() -> None:
    machine = BusyEngine()
    one = push(machine, "1")
    roll_out(machine, one)
    bad = push(machine, "2", "unstartable")
    machine.is_busy = True
    roll_out(machine, bad)
    machine.is_busy = False
    assert machine.states([UNIT])[UNIT].active == "active"
    assert running(machine) == one.config.image_id


class FullDisk(FakeMachine):
    """A machine on which the record of one rollout cannot be written once its files are in place."""

    is_full = False

    def save_rollout(self, rollout: Rollout) -> None:
        if self.is_full and rollout.facts.service == "a" and rollout.step is StepKind.RESTART:
            raise MachineError("cannot write a.json: No space left on device")
        super().save_rollout(rollout)


def test_an_error_of_one_service_stops_no_other() -> None:
    machine = FullDisk()
    a, b = service("a", "me/a"), service("b", "me/b")
    deploy(
        tools(machine),
        [plan_rollout(machine, push(machine, "a1"), a), plan_rollout(machine, push(machine, "b1"), b)],
    )
    machine.is_full = True
    two = push(machine, "b2")
    outcomes = deploy(
        tools(machine), [plan_rollout(machine, push(machine, "a2"), a), plan_rollout(machine, two, b)]
    )
    assert [one.kind for one in outcomes] == [OutcomeKind.FAILED, OutcomeKind.UPDATED]
    assert running(machine, "b") == two.config.image_id
    assert running(machine, "a") == push(machine, "a1").config.image_id
    assert is_at_rest(machine.load("a"))
    assert machine.load("a").quarantine == ()


class OneFails(FakeMachine):
    """A machine on which service a never starts."""

    def _start(
        self, name: str, verb: str, limit: float, hopeless: Callable[[], bool] | None = None
    ) -> JobResult:
        result = super()._start(name, verb, limit, hopeless)
        if name == "beacon-a.service":
            self._fail(self._unit(name), "exit-code")
            return JobResult.FAILED
        return result


def test_the_first_to_try_an_image_is_a_service_that_stands() -> None:
    machine = OneFails()
    services = [service(name) for name in "abc"]
    deploy(tools(machine), [plan_rollout(machine, push(machine, "1"), of) for of in services])
    two = push(machine, "2")
    found = [
        Checked(Outcome(of.name, OutcomeKind.AVAILABLE, release=1), candidate(machine, two, of))
        for of in services
    ]
    outcomes = update(tools(machine), RENDERER, found, machine.images)
    kinds = {one.service: one.kind for one in outcomes}
    assert kinds["b"] is kinds["c"] is OutcomeKind.UPDATED
    assert machine.load("b").quarantine == machine.load("c").quarantine == ()


def test_work_is_not_done_that_was_planned_before_another_tried_something() -> None:
    machine = FakeMachine()
    one = push(machine, "1")
    roll_out(machine, one)
    planned = plan_rollout(machine, push(machine, "good"))
    assert roll_out(machine, push(machine, "bad", "exits")).kind is OutcomeKind.ROLLED_BACK
    (outcome,) = deploy(tools(machine), [planned])
    assert outcome.kind is OutcomeKind.BUSY
    assert running(machine) == one.config.image_id


def test_a_start_may_take_as_long_as_the_image_s_own_check() -> None:
    machine = FakeMachine()
    health = ImageHealth(("CMD", "true"), interval=30, timeout=30, start_period=900, retries=3)
    image = push(machine, "1")
    image = replace(image, config=replace(image.config, health=health))
    release = candidate(machine, image)
    assert job_limit(release) == job_limit(replace(release, service=in_effect(release)))
    assert job_limit(release) > 900


def test_what_the_engine_cannot_run_is_no_fault_of_the_image() -> None:
    machine = FakeMachine()
    one = push(machine, "1")
    roll_out(machine, one)
    outcome = roll_out(machine, push(machine, "2", "refused"))
    assert outcome.kind is OutcomeKind.FAILED
    assert "the engine could not run it (status 125): Error: out of coffee" in outcome.detail
    assert machine.load("web").quarantine == ()
    assert running(machine) == one.config.image_id


class Lacking(FakeMachine):
    """A machine on which a unit that release 2 requires does not start."""

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        if "io.beacon.release=2" in self.loaded["beacon-web.container"]:
            self._down(unit)
            return JobResult.DEPENDENCY
        return super().restart(unit, limit, hopeless)


def test_a_unit_that_is_lacking_is_named() -> None:
    machine = Lacking()
    roll_out(machine, push(machine, "1"))
    machine.requires["db.service"] = (UNIT,)
    outcome = roll_out(machine, push(machine, "2"))
    assert outcome.kind is OutcomeKind.FAILED
    assert "db.service, which it requires, did not start" in outcome.detail
    assert machine.load("web").quarantine == ()


class Dumb(FakeMachine):
    """A machine whose engine does not say where release 2 is reached."""

    def address(self, service: str) -> str:
        unit = self.units[UNIT]
        if unit.running is not None and unit.running[1] == 2:
            raise MachineError("podman inspect did not end within 60 s")
        return super().address(service)


def test_an_engine_that_does_not_say_where_to_probe_is_no_fault() -> None:
    machine = Dumb()
    probed = service(health=Health(tcp=8080))
    roll_out(machine, push(machine, "1"), probed)
    assert roll_out(machine, push(machine, "2"), probed).kind is OutcomeKind.FAILED
    assert machine.load("web").quarantine == ()


def test_a_result_that_is_not_known_is_a_failure() -> None:
    assert JobResult("of-a-newer-systemd") is JobResult.FAILED


def test_a_limit_that_is_spent_is_waited_for() -> None:
    assert kind_of(LimitError("the registry's limit of pulls is spent")) is OutcomeKind.DEFERRED


class Mirror:
    """A registry that has tags, and is asked for nothing else."""

    def __init__(self, *tags: str) -> None:
        self._tags = tags

    def tags(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, tuple[str, ...]]:
        return dict.fromkeys(references, self._tags)

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        raise AssertionError(references)

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        raise AssertionError(wishes)


def test_a_range_does_not_go_back_by_itself() -> None:
    machine = FakeMachine()
    of = service(update=UpdatePolicy(follow="^1.4"))
    roll_out(machine, push(machine, "1"), of)
    state = machine.load("web")
    live = state.live_release
    assert isinstance(live, Release)
    machine.save(state.with_release(replace(live, reference=live.reference.with_tag("1.5.2"))))
    states = {"web": machine.load("web")}
    (found,) = Check(tools(machine), Mirror("1.4.0", "1.4.1"), states).run({})
    assert found.candidate is None
    assert found.outcome.kind is OutcomeKind.UP_TO_DATE
    assert "1.5.2 is live" in found.outcome.detail


def test_the_engine_s_words_for_a_spent_limit_are_known() -> None:
    said = "Error: reading manifest: toomanyrequests: You have reached your pull rate limit."
    error = explain(CommandFailedError("podman pull failed", said), "cannot pull x", "docker.io")
    assert isinstance(error, LimitError)
    assert error.retry_after is None
    assert "beacon login docker.io" in (error.hint or "")


def test_what_the_registry_says_of_when_to_try_again_is_heeded() -> None:
    said = "Error: toomanyrequests: retry-after: 1.5m, allowed: 44000/minute"
    error = explain(CommandFailedError("podman pull failed", said), "cannot pull x", "ghcr.io")
    assert isinstance(error, LimitError)
    assert error.retry_after == 90


class Restarted(FakeMachine):
    """A machine on which somebody stops and starts the service while Beacon's own job runs."""

    is_restarted = False

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        result = super().restart(unit, limit, hopeless)
        return JobResult.CANCELED if self.is_restarted else result


def test_a_start_that_somebody_else_repeats_is_no_fault() -> None:
    machine = Restarted()
    roll_out(machine, push(machine, "1"))
    machine.is_restarted = True
    two = push(machine, "2")
    assert roll_out(machine, two).kind is OutcomeKind.UPDATED
    assert running(machine) == two.config.image_id


class Edited(FakeMachine):
    """A machine whose owner edits a unit file while an image is pulled."""

    is_edited = False

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        if self.is_edited:
            self.files["beacon-web.container"] += "# mine\n"
        return super().pull(image, progress)


def test_what_is_edited_during_the_pull_is_kept() -> None:
    machine = Edited()
    one = push(machine, "1")
    roll_out(machine, one)
    machine.is_edited = True
    assert roll_out(machine, push(machine, "2")).kind is OutcomeKind.HELD
    assert machine.files["beacon-web.container"].endswith("# mine\n")
    assert running(machine) == one.config.image_id


class StillStarting(FakeMachine):
    """A machine on which the start of release 2 is given up while its job goes on; it notes what is done."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        self.done.append("restart")
        state = self._unit(unit)
        state.job = 0  # a restart takes the place of what is queued
        if "io.beacon.release=2" not in self.loaded["beacon-web.container"]:
            return super().restart(unit, limit, hopeless)
        state.active, state.sub, state.job, state.running = "activating", "start", 7, None
        return JobResult.HOPELESS

    def wait_idle(self, unit: str, limit: float) -> None:
        self.done.append("wait")
        super().wait_idle(unit, limit)


def test_the_way_back_does_not_wait_for_the_job_of_a_release_that_failed() -> None:
    machine = StillStarting()
    one = push(machine, "1")
    roll_out(machine, one)
    machine.done.clear()
    assert roll_out(machine, push(machine, "2")).kind is OutcomeKind.ROLLED_BACK
    assert machine.done[machine.done.index("restart") :] == ["restart", "restart"]
    assert running(machine) == one.config.image_id
