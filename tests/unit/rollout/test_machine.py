"""Rollouts on the machine in memory: each way that they can end, and a kill at every effect of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.event import EventKind
from beacon.model.image import ResolvedImage
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import Hold, Pending, ReleaseState, Trigger
from beacon.model.runtime import Container, JobResult, LastExit
from beacon.model.service import Endpoint, Health, Hooks, HttpProbe, Restart, RestartPolicy, Service
from beacon.rollout.back import roll_back
from beacon.rollout.decisions.blame import Blame
from beacon.rollout.decisions.decide import Gate, health_limit
from beacon.rollout.deploy import deploy, deploy_carefully
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.prepare import EditedError
from beacon.rollout.driving.resuming import resume
from beacon.rollout.handling.health import watch
from beacon.rollout.images import remove_images
from beacon.rollout.ports import Progress
from beacon.rollout.sharing.pulls import image_names_lock
from tests.fakes.machine import FakeMachine, KilledError
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


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine without services."""
    return FakeMachine()


ON_FAILURE = Restart(RestartPolicy.ON_FAILURE)


def carefully(machine: FakeMachine, rollouts: list[PlannedRollout]) -> tuple[Outcome, ...]:
    return deploy_carefully(tools(machine), rollouts, lambda planned: planned, machine.images)


def test_a_first_release_goes_live(machine: FakeMachine) -> None:
    one = push(machine, "1")
    outcome = roll_out(machine, one)
    state = machine.load("web")
    assert (outcome.kind, state.live, state.previous) == (OutcomeKind.INSTALLED, 1, None)
    assert running(machine) == one.config.image_id
    assert is_at_rest(state)


def test_an_update_keeps_the_way_back(machine: FakeMachine) -> None:
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    outcome = roll_out(machine, two)
    state = machine.load("web")
    assert (outcome.kind, state.live, state.previous) == (OutcomeKind.UPDATED, 2, 1)
    assert running(machine) == two.config.image_id
    assert one.config.image_id in machine.images().values()


def test_an_image_is_flushed_before_anything_is_switched_and_only_where_it_was_pulled(
    machine: FakeMachine,
) -> None:
    roll_out(machine, push(machine, "1"))
    machine.effects.clear()
    two = push(machine, "2")
    roll_out(machine, two)
    pull = machine.effects.index(f"pull {service().image.with_digest(two.digest)}")
    flush = machine.effects.index("flush /images")
    assert pull < flush < machine.effects.index("record web forth files")
    machine.effects.clear()
    roll_back(tools(machine), RENDERER, "web", 1)
    assert not any(line.startswith("flush") for line in machine.effects)


def test_an_image_that_several_services_want_is_pulled_once(machine: FakeMachine) -> None:
    names = [service(name) for name in ("a", "b", "c")]
    one = push(machine, "1")
    deploy(tools(machine), [plan_rollout(machine, one, of) for of in names])
    assert sum(line.startswith("pull ") for line in machine.effects) == 1
    assert all(running(machine, of.name) == one.config.image_id for of in names)


class NamesInTurn(FakeMachine):
    """An engine that refuses to pull an image while the same one is pulled under another name."""

    def __init__(self) -> None:
        super().__init__()
        self._pulling: set[Digest] = set()

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        """Take long enough for another pull to come meanwhile."""
        image_id = self.registry[image.digest or ""].image_id
        assert image_id not in self._pulling
        self._pulling.add(image_id)
        time.sleep(0.05)
        self._pulling.discard(image_id)
        return super().pull(image, progress)


def test_an_image_gets_its_names_from_several_repositories_one_after_the_other() -> None:
    machine = NamesInTurn()
    services = [service(name, f"me/{name}") for name in ("a", "b", "c")]
    one = push(machine, "1")
    deploy(tools(machine), [plan_rollout(machine, one, of) for of in services])
    assert {str(of.image.with_digest(one.digest)) for of in services} <= set(machine.images())


def test_an_image_that_another_run_is_naming_is_waited_for(machine: FakeMachine) -> None:
    images = [push(machine, str(number)) for number in range(1, 4)]
    for image in images[:2]:
        roll_out(machine, image)
    names = {name for name, image_id in machine.images().items() if image_id == images[0].config.image_id}
    for image in (images[0], images[2]):
        machine.locked.add(image_names_lock(image.config.image_id))
    outcome = roll_out(machine, images[2])
    assert (outcome.kind, outcome.hint) == (OutcomeKind.BUSY, "try again when it is done")
    assert f"web: waiting, {outcome.detail}" in machine.log
    assert (machine.load("web").live, running(machine)) == (2, images[1].config.image_id)
    machine.locked.remove(image_names_lock(images[2].config.image_id))
    assert roll_out(machine, images[2]).kind is OutcomeKind.UPDATED
    assert names <= machine.images().keys()  # the first image is not deleted meanwhile
    machine.locked.clear()
    images.append(push(machine, "4"))
    roll_out(machine, images[-1])
    assert set(machine.images().values()) == {image.config.image_id for image in images[-2:]}


def test_two_images_are_kept_and_older_ones_are_deleted(machine: FakeMachine) -> None:
    images = [push(machine, str(number)) for number in range(1, 5)]
    for image in images:
        roll_out(machine, image)
    assert set(machine.images().values()) == {image.config.image_id for image in images[-2:]}


def test_an_image_from_two_repositories_goes_with_its_last_name(machine: FakeMachine) -> None:
    ours, theirs = service("a", "me/a"), service("b", "me/b")
    shared = push(machine, "1")
    for of in (ours, theirs):
        roll_out(machine, shared, of)
    remove_images(tools(machine), machine.load("a"))
    pinned = [str(of.image.with_digest(shared.digest)) for of in (ours, theirs)]
    assert [name in machine.images() for name in pinned] == [False, True]
    assert running(machine, "b") == shared.config.image_id
    remove_images(tools(machine), machine.load("b"))
    assert not machine.images()


@pytest.fixture
def put_off(machine: FakeMachine) -> ResolvedImage:
    """Return an image that is on disk, though its rollout was given up: somebody stopped the service."""
    roll_out(machine, push(machine, "1"))
    image = push(machine, "2")
    planned = plan_rollout(machine, image, runs=True)
    machine.stop("beacon-web.service", 10)
    deploy(tools(machine), [planned])
    assert image.config.image_id in machine.images().values()
    machine.start("beacon-web.service", 10)
    return image


def test_an_image_whose_rollout_was_given_up_is_there_for_the_next_try(
    machine: FakeMachine, put_off: ResolvedImage
) -> None:
    machine.effects.clear()
    assert roll_out(machine, put_off).kind is OutcomeKind.UPDATED
    assert not [effect for effect in machine.effects if effect.startswith("pull")]
    assert put_off.config.image_id in machine.images().values()
    assert machine.load("web").spare == ()


@pytest.mark.parametrize("behaviour", ["good", "exits"])
def test_an_image_whose_rollout_was_given_up_goes_when_another_was_tried(
    machine: FakeMachine, put_off: ResolvedImage, behaviour: str
) -> None:
    roll_out(machine, push(machine, "3", behaviour))
    assert put_off.config.image_id not in machine.images().values()
    assert machine.load("web").spare == ()


def test_an_image_whose_rollout_was_given_up_goes_with_its_service(
    machine: FakeMachine, put_off: ResolvedImage
) -> None:
    assert machine.load("web").spare[0].digest == put_off.digest
    remove_images(tools(machine), machine.load("web"))
    assert not machine.images()


def test_an_image_that_could_not_be_deleted_is_tried_again_after_the_next_rollout() -> None:
    class Stubborn(FakeMachine):
        stuck = True

        def remove_image(self, image: ImageReference) -> bool:
            if self.stuck:
                raise MachineError(f"cannot remove {image}")
            return super().remove_image(image)

    machine = Stubborn()
    images = [push(machine, str(number)) for number in range(1, 5)]
    for image in images[:3]:
        roll_out(machine, image)
    assert images[0].config.image_id in machine.images().values()
    machine.stuck = False
    roll_out(machine, images[3])
    assert set(machine.images().values()) == {image.config.image_id for image in images[-2:]}


@pytest.mark.parametrize("behaviour", ["exits", "unstartable", "unready"])
def test_a_bad_release_is_put_back_and_quarantined(machine: FakeMachine, behaviour: str) -> None:
    one, bad = push(machine, "1"), push(machine, "2", behaviour)
    roll_out(machine, one)
    outcome = roll_out(machine, bad)
    state = machine.load("web")
    assert outcome.kind is OutcomeKind.ROLLED_BACK
    assert running(machine) == one.config.image_id
    assert state.live == 1
    assert [entry.digest for entry in state.quarantine] == [bad.digest]
    failed = state.release(2)
    assert failed is not None
    assert failed.state is ReleaseState.FAILED
    assert machine.events[-1].kind is EventKind.ROLLED_BACK
    assert bad.config.image_id not in machine.images().values()


def test_an_unhealthy_release_is_put_back(machine: FakeMachine) -> None:
    checked = service(health=Health(command=("CMD", "true", "now")))
    one, bad = push(machine, "1"), push(machine, "2", "unhealthy")
    roll_out(machine, one, checked)
    assert roll_out(machine, bad, checked).kind is OutcomeKind.ROLLED_BACK
    assert running(machine) == one.config.image_id


def test_a_release_that_is_sick_is_put_back_before_systemd_gives_up(machine: FakeMachine) -> None:
    checked = service(health=Health(command=("CMD", "true", "now")))
    one, bad = push(machine, "1"), push(machine, "2", "sick")
    roll_out(machine, one, checked)
    before = machine.time
    outcome = roll_out(machine, bad, checked)
    assert (outcome.kind, running(machine)) == (OutcomeKind.ROLLED_BACK, one.config.image_id)
    assert "its health check fails" in outcome.detail
    assert machine.time - before < 10


def test_a_release_that_does_not_answer_is_put_back(machine: FakeMachine) -> None:
    probed = service(health=Health(http=HttpProbe(8080), interval=1, timeout=1, retries=2))
    one, bad = push(machine, "1"), push(machine, "2", "unhealthy")
    roll_out(machine, one, probed)
    outcome = roll_out(machine, bad, probed)
    assert outcome.kind is OutcomeKind.ROLLED_BACK
    assert "GET / on port 8080" in outcome.detail


@pytest.mark.parametrize(
    ("probe", "endpoint", "host"),
    [
        pytest.param(HttpProbe(8080), Endpoint("example.org", 8080), "example.org", id="its endpoint's"),
        pytest.param(HttpProbe(8080, host="a.test"), Endpoint("example.org", 8080), "a.test", id="a key's"),
        pytest.param(HttpProbe(8080), Endpoint("*.example.org", 8080), None, id="no name"),
        pytest.param(HttpProbe(8080), Endpoint("example.org", 9090), None, id="another port's"),
    ],
)
def test_a_request_is_for_the_service_s_own_name(
    machine: FakeMachine, probe: HttpProbe, endpoint: Endpoint, host: str | None
) -> None:
    roll_out(machine, push(machine, "1"), service(health=Health(http=probe), endpoints=(endpoint,)))
    assert machine.asked_for == host


def test_a_probe_takes_no_longer_than_it_may() -> None:
    assert health_limit(service(health=Health(tcp=1, interval=1, retries=3))) == 3 * (1 + 5)


def test_a_first_release_that_fails_stays_for_its_owner_to_mend(machine: FakeMachine) -> None:
    outcome = roll_out(machine, push(machine, "1", "exits"))
    live = machine.load("web").live_release
    assert outcome.kind is OutcomeKind.FAILED
    assert live is not None
    assert live.state is ReleaseState.FAILED
    assert "beacon-web.container" in machine.files


def test_a_mended_image_recovers_a_failed_service(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1", "exits"))
    assert roll_out(machine, push(machine, "2")).kind is OutcomeKind.UPDATED
    assert machine.load("web").previous is None


def test_dependents_are_up_again_after_a_rollback(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    machine.requires["beacon-web.service"] = ("gateway.service",)
    machine.start("gateway.service", 1)
    roll_out(machine, push(machine, "2", "unstartable"))
    assert machine.states(["gateway.service"])["gateway.service"].active == "active"


def test_of_services_on_one_image_the_one_that_others_need_goes_first(machine: FakeMachine) -> None:
    app, job = service("app", requires=("migrate",)), service("migrate")
    for of in (app, job):
        roll_out(machine, push(machine, "1"), of)
    two = push(machine, "2")
    rollouts = [plan_rollout(machine, two, of) for of in (app, job)]
    deploy_carefully(tools(machine), rollouts, lambda one: one, machine.images)
    restarts = [what for what in machine.effects if what.startswith("restart")]
    assert restarts[-2:] == ["restart beacon-migrate.service", "restart beacon-app.service"]


def test_a_dependent_that_cannot_be_started_is_no_fault_of_a_release_that_is_healthy() -> None:
    class Deaf(FakeMachine):
        def start(self, unit: str, limit: float) -> JobResult:
            if self.load("web").rollout is not None:
                raise MachineError("systemd does not answer")
            return super().start(unit, limit)

    machine = Deaf()
    roll_out(machine, push(machine, "1"))
    machine.requires["beacon-web.service"] = ("gateway.service",)
    machine.start("gateway.service", 1)
    assert roll_out(machine, push(machine, "2")).kind is OutcomeKind.UPDATED


def test_dependents_that_a_restart_took_along_are_up_again_when_it_is_told(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    machine.requires["beacon-web.service"] = ("gateway.service",)
    machine.start("gateway.service", 1)
    assert roll_out(machine, push(machine, "2")).kind is OutcomeKind.UPDATED
    assert machine.states(["gateway.service"])["gateway.service"].active == "active"


def test_a_dependent_that_was_down_stays_down(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    machine.requires["beacon-web.service"] = ("gateway.service",)
    roll_out(machine, push(machine, "2", "unstartable"))
    assert machine.states(["gateway.service"])["gateway.service"].active == "inactive"


def test_an_image_that_cannot_be_pulled_changes_nothing(machine: FakeMachine) -> None:
    one = push(machine, "1")
    roll_out(machine, one)
    before = dict(machine.files)
    two = push(machine, "2")
    del machine.registry[two.digest]
    outcome = roll_out(machine, two)
    assert outcome.kind is OutcomeKind.FAILED
    assert machine.files == before
    assert running(machine) == one.config.image_id
    assert is_at_rest(machine.load("web"))


def test_an_image_that_is_not_what_was_promised_is_not_run(machine: FakeMachine) -> None:
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    machine.registry[two.digest].image_id = one.config.image_id
    outcome = roll_out(machine, two)
    assert "not what the registry promised" in outcome.detail
    assert running(machine) == one.config.image_id


def test_an_update_is_refused_while_the_image_to_roll_back_to_is_missing(machine: FakeMachine) -> None:
    one = push(machine, "1")
    roll_out(machine, one)
    machine.local = {name: image for name, image in machine.local.items() if image != one.config.image_id}
    outcome = roll_out(machine, push(machine, "2"))
    assert outcome.kind is OutcomeKind.FAILED
    assert "needed to roll back, is gone" in outcome.detail


def test_an_image_that_is_there_under_another_name_is_pulled_by_its_own(machine: FakeMachine) -> None:
    image = push(machine, "1")
    roll_out(machine, image, service("one", "mirror/web"))
    assert roll_out(machine, image, service("two", "me/web")).kind is OutcomeKind.INSTALLED
    assert sum(effect.startswith("pull") for effect in machine.effects) == 2


def test_a_full_disk_while_writing_leaves_the_service_running(machine: FakeMachine) -> None:
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    starts = sum(effect.startswith("restart") for effect in machine.effects)
    machine.full_disk = True
    outcome = roll_out(machine, two)
    assert outcome.kind is OutcomeKind.FAILED
    assert machine.load("web").quarantine == ()
    assert is_at_rest(machine.load("web"))
    assert "No space left" in outcome.detail
    assert running(machine) == one.config.image_id
    assert sum(effect.startswith("restart") for effect in machine.effects) == starts


def test_services_on_one_image_pull_once_and_the_first_goes_ahead(machine: FakeMachine) -> None:
    names = [service(name) for name in ("a", "b", "c")]
    one, two = push(machine, "1"), push(machine, "2")
    deploy(tools(machine), [plan_rollout(machine, one, of) for of in names])
    machine.effects.clear()
    outcomes = carefully(machine, [plan_rollout(machine, two, of) for of in names])
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.UPDATED] * 3
    assert sum(effect.startswith("pull") for effect in machine.effects) == 1
    restarts = [effect for effect in machine.effects if effect.startswith("restart")]
    assert restarts[0] == "restart beacon-a.service"


def test_a_bad_image_is_tried_by_one_service_only(machine: FakeMachine) -> None:
    names = [service(name) for name in ("a", "b", "c")]
    one, bad = push(machine, "1"), push(machine, "2", "exits")
    deploy(tools(machine), [plan_rollout(machine, one, of) for of in names])
    machine.effects.clear()
    outcomes = carefully(machine, [plan_rollout(machine, bad, of) for of in names])
    assert [outcome.kind for outcome in outcomes] == [
        OutcomeKind.ROLLED_BACK,
        OutcomeKind.QUARANTINED,
        OutcomeKind.QUARANTINED,
    ]
    assert {effect for effect in machine.effects if effect.startswith("restart")} == {
        "restart beacon-a.service"
    }
    assert all(machine.load(of.name).quarantine for of in names)


def test_where_the_first_one_is_not_tried_another_goes_first(machine: FakeMachine) -> None:
    names = [service(name) for name in ("a", "b", "c", "d")]
    one, bad = push(machine, "1"), push(machine, "2", "exits")
    deploy(tools(machine), [plan_rollout(machine, one, of) for of in names])
    machine.locked.add("a")
    outcomes = carefully(machine, [plan_rollout(machine, bad, of) for of in names])
    assert [(outcome.service, outcome.kind) for outcome in outcomes] == [
        ("a", OutcomeKind.BUSY),
        ("b", OutcomeKind.ROLLED_BACK),
        ("c", OutcomeKind.QUARANTINED),
        ("d", OutcomeKind.QUARANTINED),
    ]


def test_a_service_that_is_held_while_its_update_waits_is_left_alone(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    waiting = plan_rollout(machine, push(machine, "2"))
    machine.save(replace(machine.load("web"), hold=Hold("2026-11-21T12:00:00Z")))
    (outcome,) = deploy(tools(machine), [waiting])
    assert outcome.kind is OutcomeKind.HELD
    assert machine.load("web").live == 1
    applied = replace(waiting, candidate=replace(waiting.candidate, trigger=Trigger.APPLY))
    assert deploy(tools(machine), [applied])[0].kind is OutcomeKind.UPDATED


@pytest.mark.parametrize("text", ["# by hand\n", None], ids=["edited", "somebody else's"])
def test_going_back_writes_over_nothing_that_somebody_else_wrote(
    machine: FakeMachine, text: str | None
) -> None:
    for version in ("1", "2"):
        roll_out(machine, push(machine, version))
    ours = machine.files["beacon-web.container"]
    machine.files["beacon-web.container"] = theirs = ours + text if text else "[Container]\nImage=mine\n"
    with pytest.raises(EditedError, match=r"beacon-web.container was edited by hand"):
        roll_back(tools(machine), RENDERER, "web", None)
    assert machine.files["beacon-web.container"] == theirs
    assert machine.load("web").live == 2


def test_a_bad_image_is_not_noted_for_a_service_that_another_run_is_at_work_on(machine: FakeMachine) -> None:
    names = [service(name) for name in ("a", "b", "c")]
    one, bad, three = push(machine, "1"), push(machine, "2", "exits"), push(machine, "3")
    deploy(tools(machine), [plan_rollout(machine, one, of) for of in names])
    rollouts = [plan_rollout(machine, bad, of) for of in names]
    deploy(tools(machine), [plan_rollout(machine, three, names[1])])
    machine.locked.add("c")
    before = {name: machine.load(name) for name in ("b", "c")}
    outcomes = carefully(machine, rollouts)
    assert [outcome.kind for outcome in outcomes] == [
        OutcomeKind.ROLLED_BACK,
        OutcomeKind.BUSY,
        OutcomeKind.BUSY,
    ]
    assert {name: machine.load(name) for name in ("b", "c")} == before


def test_an_image_that_was_never_tried_is_not_quarantined_for_others(machine: FakeMachine) -> None:
    names = [service(name) for name in ("a", "b")]
    one, two = push(machine, "1"), push(machine, "2")
    deploy(tools(machine), [plan_rollout(machine, one, of) for of in names])
    hooked = service("a", hooks=Hooks(before_update=("false",)))
    carefully(machine, [plan_rollout(machine, two, hooked), plan_rollout(machine, two, names[1])])
    assert not machine.load("b").quarantine
    assert running(machine, "b") == two.config.image_id
    assert running(machine, "a") == one.config.image_id


class Steered(FakeMachine):
    """A machine whose owner uses systemctl while Beacon waits: the acts, one at each wait of the gate."""

    def __init__(self, *acts: Callable[[FakeMachine], None]) -> None:
        super().__init__()
        self._acts = list(acts)
        self.steered = False

    def sleep(self, seconds: float) -> None:
        """Let time pass, and the owner act."""
        super().sleep(seconds)
        for name in list(self.units):
            self.wait_idle(name, seconds)
        if self.steered and self._acts:
            self._acts.pop(0)(self)


def _stops(machine: FakeMachine) -> None:
    machine.stop("beacon-web.service", 10)


def _stops_gateway(machine: FakeMachine) -> None:
    machine.stop("gateway.service", 10)


def _restarts(machine: FakeMachine) -> None:
    machine.restart("beacon-web.service", 10)


def _begins_to_stop(machine: FakeMachine) -> None:
    unit = machine.units["beacon-web.service"]
    unit.active, unit.sub, unit.job = "deactivating", "stop", 7


def _is_stopped(machine: FakeMachine) -> None:
    machine.units["beacon-web.service"].job = 0
    _stops(machine)


@pytest.mark.parametrize(
    ("of", "acts"),
    [
        pytest.param(service(), [_stops], id="down between two looks"),
        pytest.param(service(restart=ON_FAILURE), [_begins_to_stop, _is_stopped], id="a job takes it down"),
    ],
)
def test_a_release_that_is_stopped_in_the_gate_has_not_failed(
    of: Service, acts: list[Callable[[FakeMachine], None]]
) -> None:
    machine = Steered(*acts)
    one, two = push(machine, "1"), push(machine, "2")
    machine.requires["beacon-web.service"] = ("beacon-needy.service",)
    roll_out(machine, one, of)
    machine.start("beacon-needy.service", 10)
    machine.steered = True
    outcome = roll_out(machine, two, of)
    assert (outcome.kind, outcome.hint) == (OutcomeKind.STOPPED, "beacon start web")
    assert outcome.detail.endswith("release 1 is installed again")
    state = machine.load("web")
    assert is_at_rest(state)
    assert (state.live, state.quarantine) == (1, ())
    assert one.digest in machine.files["beacon-web.container"]
    assert machine.units["beacon-web.service"].active == "inactive"
    assert machine.units["beacon-needy.service"].active == "inactive"
    assert machine.events[-1].kind is EventKind.DEFERRED
    machine.start("beacon-web.service", 10)
    assert roll_out(machine, two, of).kind is OutcomeKind.UPDATED


def test_a_dependent_that_its_owner_stops_in_the_gate_stays_so() -> None:
    machine = Steered(*[lambda _: None] * 6, _stops_gateway)
    machine.requires["beacon-web.service"] = ("gateway.service",)
    roll_out(machine, push(machine, "1"))
    machine.start("gateway.service", 1)
    machine.steered = True
    roll_out(machine, push(machine, "2"))
    assert machine.units["gateway.service"].active == "inactive"


def test_nor_is_it_started_by_the_way_back() -> None:
    of = service(health=Health(http=HttpProbe(8080), interval=1, timeout=1, retries=2))
    machine = Steered(_stops_gateway)
    machine.requires["beacon-web.service"] = ("gateway.service",)
    roll_out(machine, push(machine, "1"), of)
    machine.start("gateway.service", 1)
    machine.steered = True
    assert roll_out(machine, push(machine, "2", "unhealthy"), of).kind is OutcomeKind.ROLLED_BACK
    assert machine.units["gateway.service"].active == "inactive"


def test_a_release_that_ends_by_itself_in_the_gate_has_failed() -> None:
    of = service(restart=ON_FAILURE)
    machine = Steered(_stops)  # no job was seen
    roll_out(machine, push(machine, "1"), of)
    machine.steered = True
    assert roll_out(machine, push(machine, "2"), of).kind is OutcomeKind.ROLLED_BACK


def test_a_release_that_is_restarted_in_the_gate_settles_anew() -> None:
    machine = Steered(_restarts)
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    machine.steered = True
    began = machine.time
    assert roll_out(machine, two).kind is OutcomeKind.UPDATED
    assert machine.time - began > service().update.settle + 0.25


def _ends_and_comes_again(machine: FakeMachine) -> None:
    unit = machine.units["beacon-web.service"]
    unit.restarts, unit.pid, unit.last_exit = 1, unit.pid + 1, LastExit("exit-code", 126)


def test_what_ended_before_systemd_started_it_anew_is_blamed_by_how_it_ended() -> None:
    machine = Steered(_ends_and_comes_again)
    roll_out(machine, push(machine, "1"))
    machine.steered = True
    outcome = roll_out(machine, push(machine, "2"))
    assert outcome.kind is OutcomeKind.FAILED, "that is no fault of the image"
    assert "the engine could not run it (status 126)" in outcome.detail


def _comes_again(machine: FakeMachine) -> None:
    unit = machine.units["beacon-web.service"]
    unit.restarts, unit.pid, unit.last_exit = 1, unit.pid + 1, None


def _has_ended(machine: FakeMachine) -> None:
    machine.units["beacon-web.service"].last_exit = LastExit("exit-code", 3)


def test_the_journal_may_tell_a_moment_later_how_a_release_ended() -> None:
    machine = Steered(_comes_again, _has_ended)
    roll_out(machine, push(machine, "1"))
    machine.steered = True
    outcome = roll_out(machine, push(machine, "2"))
    assert (outcome.kind, outcome.detail.split(";")[0]) == (
        OutcomeKind.ROLLED_BACK,
        "it exited with status 3",
    )


def test_a_restart_in_the_gate_does_not_save_a_bad_release() -> None:
    machine = Steered(_restarts)
    one, two = push(machine, "1"), push(machine, "2", "exits")
    roll_out(machine, one)
    machine.steered = True
    assert roll_out(machine, two).kind is OutcomeKind.ROLLED_BACK
    assert running(machine) == one.config.image_id


def test_a_start_that_is_canceled_by_a_stop_says_nothing_of_the_release(machine: FakeMachine) -> None:
    one, two = push(machine, "1"), push(machine, "2", "stopped")
    roll_out(machine, one)
    assert roll_out(machine, two).kind is OutcomeKind.STOPPED
    assert machine.load("web").quarantine == ()
    assert machine.units["beacon-web.service"].active == "inactive"


def test_what_is_stopped_during_the_pull_stays_so(machine: FakeMachine) -> None:
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    planned = plan_rollout(machine, two, runs=True)
    machine.stop("beacon-web.service", 10)
    (outcome,) = deploy(tools(machine), [planned])
    assert (outcome.kind, outcome.detail) == (OutcomeKind.STOPPED, "stopped by its owner meanwhile")
    state = machine.load("web")
    assert is_at_rest(state)
    assert state.live == 1
    assert machine.units["beacon-web.service"].active == "inactive"


@pytest.fixture
def killed() -> FakeMachine:
    """Return a machine on which Beacon was killed while it watched release 2."""

    def kill(_: FakeMachine) -> None:
        raise KilledError

    machine = Steered(kill)
    roll_out(machine, push(machine, "1"))
    machine.steered = True
    with pytest.raises(KilledError):
        roll_out(machine, push(machine, "2"))
    return machine


def test_what_is_stopped_after_beacon_was_killed_stays_so(killed: FakeMachine) -> None:
    killed.stop("beacon-web.service", 10)
    (outcome,) = resume(tools(killed), ["web"])
    assert outcome.kind is OutcomeKind.STOPPED
    assert killed.units["beacon-web.service"].active == "inactive"
    state = killed.load("web")
    assert is_at_rest(state)
    assert (state.live, state.quarantine) == (1, ())


def test_what_went_down_with_the_machine_is_started_and_watched_again(killed: FakeMachine) -> None:
    unit = killed.units["beacon-web.service"]
    killed.stop("beacon-web.service", 10)
    unit.started = 0  # systemd begins anew with each boot
    killed.boot = "boot 2"
    (outcome,) = resume(tools(killed), ["web"])
    assert outcome.kind is OutcomeKind.UPDATED
    assert killed.load("web").live == 2


BACKUP = service(hooks=Hooks(before_update=("backup", "beacon-web.service")))
"""Its hook stops the service, and leaves it so."""
FAILING = service(hooks=Hooks(before_update=("false", "beacon-web.service")))
"""So does this one's, and fails."""


@pytest.mark.parametrize(
    ("behaviour", "of", "kind"),
    [
        pytest.param("good", BACKUP, OutcomeKind.UPDATED, id="the release stands"),
        pytest.param("exits", BACKUP, OutcomeKind.ROLLED_BACK, id="the release does not stand"),
        pytest.param("gone", BACKUP, OutcomeKind.FAILED, id="the pull fails"),
        pytest.param("good", FAILING, OutcomeKind.DEFERRED, id="the hook says no"),
    ],
)
def test_what_a_hook_stops_is_up_in_the_end(
    machine: FakeMachine, behaviour: str, of: Service, kind: OutcomeKind
) -> None:
    one, two = push(machine, "1"), push(machine, "2", behaviour)
    roll_out(machine, one)
    machine.requires["beacon-web.service"] = ("gateway.service",)
    machine.start("gateway.service", 1)
    if behaviour == "gone":
        del machine.registry[two.digest]
    (outcome,) = deploy(tools(machine), [plan_rollout(machine, two, of, runs=True)])
    assert outcome.kind is kind
    assert is_at_rest(machine.load("web"))
    assert running(machine) == (two if kind is OutcomeKind.UPDATED else one).config.image_id
    assert machine.states(["gateway.service"])["gateway.service"].active == "active"


def test_a_first_release_is_no_update(machine: FakeMachine) -> None:
    assert roll_out(machine, push(machine, "1"), FAILING).kind is OutcomeKind.INSTALLED
    assert not any(line.startswith("hook") for line in machine.log)


def test_what_its_owner_stops_after_the_hook_stays_stopped() -> None:
    class Stopping(FakeMachine):
        def pull(self, image: ImageReference, progress: Progress) -> Digest:
            self.stop("beacon-web.service", 10)
            return super().pull(image, progress)

    machine = Stopping()
    one, two = push(machine, "1"), push(machine, "2")
    of = service(hooks=Hooks(before_update=("true",)))
    roll_out(machine, one, of)
    (outcome,) = deploy(tools(machine), [plan_rollout(machine, two, of, runs=True)])
    assert outcome.kind is OutcomeKind.STOPPED
    assert machine.units["beacon-web.service"].active == "inactive"


def test_what_a_shutdown_stops_has_not_failed(machine: FakeMachine) -> None:
    one, two = push(machine, "1"), push(machine, "2", "exits")
    roll_out(machine, one)
    machine.going_down = True
    outcome = roll_out(machine, two)
    assert (outcome.kind, outcome.detail) == (OutcomeKind.DEFERRED, "the machine is going down")
    state = machine.load("web")
    assert state.rollout is not None
    assert not state.quarantine
    machine.registry[two.digest].behaviour = "good"
    machine.going_down, machine.boot = False, "boot 2"
    assert [outcome.kind for outcome in resume(tools(machine), ["web"])] == [OutcomeKind.UPDATED]
    assert running(machine) == two.config.image_id


def test_the_locks_of_the_machine_are_no_services(machine: FakeMachine) -> None:
    one = push(machine, "1")
    assert roll_out(machine, one, service("reload")).kind is OutcomeKind.INSTALLED


class Busy(FakeMachine):
    """An engine that does not answer so many times, once release 2 runs."""

    refusals = 0

    def containers(self) -> Mapping[str, Container]:
        """Refuse for a while."""
        runs = any(unit.running is not None and unit.running[1] == 2 for unit in self.units.values())
        if runs and self.refusals:
            self.refusals -= 1
            raise MachineError("podman ps did not end within 60 s")
        return super().containers()


def test_an_engine_that_is_busy_for_a_moment_is_asked_again() -> None:
    machine = Busy()
    roll_out(machine, push(machine, "1"))
    machine.refusals = 2
    assert roll_out(machine, push(machine, "2")).kind is OutcomeKind.UPDATED


@pytest.mark.parametrize("refusals", [4, 1000])
def test_what_the_host_refuses_says_nothing_of_an_image(refusals: int) -> None:
    """It is tried again, whether or not the release before can be seen to stand meanwhile."""
    machine = Busy()
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    machine.refusals = refusals
    outcome = roll_out(machine, two)
    assert outcome.kind in {OutcomeKind.FAILED, OutcomeKind.ROLLBACK_FAILED}
    assert "podman ps did not end" in outcome.detail
    machine.refusals = 0
    resume(tools(machine), ["web"])
    state = machine.load("web")
    assert (state.live, state.quarantine, is_at_rest(state)) == (1, (), True)
    assert running(machine) == one.config.image_id
    assert roll_out(machine, two).kind is OutcomeKind.UPDATED


def test_where_the_host_hindered_the_first_one_the_others_wait() -> None:
    machine = Busy()
    names = [service(name) for name in ("a", "b", "c")]
    one, two = push(machine, "1"), push(machine, "2")
    deploy(tools(machine), [plan_rollout(machine, one, of) for of in names])
    machine.effects.clear()
    machine.refusals = 4
    outcomes = carefully(machine, [plan_rollout(machine, two, of) for of in names])
    assert [outcome.kind for outcome in outcomes] == [
        OutcomeKind.FAILED,
        OutcomeKind.DEFERRED,
        OutcomeKind.DEFERRED,
    ]
    assert {effect for effect in machine.effects if effect.startswith("restart")} == {
        "restart beacon-a.service"
    }
    assert not any(machine.load(of.name).quarantine for of in names)


def test_an_image_under_which_the_host_breaks_down_each_time_is_not_tried_for_ever() -> None:
    machine = Busy()
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    machine.save(replace(machine.load("web"), pending=Pending(service().image, two, "2026-11-21T12:00:00Z")))
    ends = []
    for _ in range(3):
        machine.refusals = 4
        ends.append(roll_out(machine, two).kind)
    assert ends == [OutcomeKind.FAILED, OutcomeKind.FAILED, OutcomeKind.ROLLED_BACK]
    (entry,) = machine.load("web").quarantine
    assert entry.digest == two.digest


def test_a_service_that_is_down_is_down_however_busy_the_engine() -> None:
    machine = Busy()
    for version in ("1", "2"):
        roll_out(machine, push(machine, version))
    live = machine.load("web").live_release
    assert live is not None
    checked = replace(live, service=replace(live.service, health=Health(command=("true",))))
    machine.units["beacon-web.service"].active = "failed"
    machine.refusals = 1000
    verdict = watch(tools(machine), checked)
    assert (verdict.gate, verdict.blame) == (Gate.FAILED, Blame.IMAGE)


class Missed(FakeMachine):
    """A service manager whose word of a job's end is lost."""

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        """Do it, and never say so."""
        super().restart(unit, limit, hopeless)
        return JobResult.GAVE_UP


def test_a_unit_that_is_up_is_up_although_nobody_said_so() -> None:
    machine = Missed()
    assert roll_out(machine, push(machine, "1")).kind is OutcomeKind.INSTALLED


class Stumbling(FakeMachine):
    """A machine on which something that no code foresees happens to service a."""

    def last_words(self, unit: str) -> str:
        """Fail, for one of them."""
        if unit == "beacon-a.service":
            raise ZeroDivisionError("a bug")
        return super().last_words(unit)


def test_what_no_code_foresees_costs_its_own_service_alone() -> None:
    machine = Stumbling()
    names = [service(name, f"me/{name}") for name in ("a", "b")]
    deploy(tools(machine), [plan_rollout(machine, push(machine, "1"), of) for of in names])
    rollouts = [
        plan_rollout(machine, push(machine, "2", "exits"), names[0]),
        plan_rollout(machine, push(machine, "3"), names[1]),
    ]
    outcomes = deploy(tools(machine), rollouts)
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.FAILED, OutcomeKind.UPDATED]
    assert "ZeroDivisionError('a bug')" in outcomes[0].detail
    assert any("Traceback" in line for line in machine.log)
    assert machine.load("a").rollout is not None


def test_a_locked_service_is_busy_and_others_go_on(machine: FakeMachine) -> None:
    one, two = push(machine, "1"), push(machine, "2")
    machine.locked.add("a")
    outcomes = deploy(
        tools(machine), [plan_rollout(machine, one, service("a")), plan_rollout(machine, two, service("b"))]
    )
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.BUSY, OutcomeKind.INSTALLED]


def test_work_that_another_run_has_overtaken_is_not_begun(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    overtaken = plan_rollout(machine, push(machine, "2"))
    roll_out(machine, push(machine, "3"))
    before = machine.load("web")
    (outcome,) = deploy(tools(machine), [overtaken])
    assert outcome.kind is OutcomeKind.BUSY
    assert machine.load("web") == before


def test_a_hook_that_says_no_defers_the_rollout(machine: FakeMachine) -> None:
    one = push(machine, "1")
    roll_out(machine, one)
    outcome = roll_out(machine, push(machine, "2"), service(hooks=Hooks(before_update=("false",))))
    assert outcome.kind is OutcomeKind.DEFERRED
    assert running(machine) == one.config.image_id


def test_hooks_hear_of_the_end(machine: FakeMachine) -> None:
    hooked = service(hooks=Hooks(after_update=("up",), after_rollback=("down",)))
    roll_out(machine, push(machine, "1"), hooked)
    roll_out(machine, push(machine, "2", "exits"), hooked)
    assert [line for line in machine.log if line.startswith("hook")] == ["hook up 1", "hook down 2"]


def test_a_service_that_is_not_to_start_gets_its_files_only(machine: FakeMachine) -> None:
    (outcome,) = deploy(tools(machine), [plan_rollout(machine, push(machine, "1"), start=False)])
    assert outcome.kind is OutcomeKind.INSTALLED
    assert outcome.detail.endswith("; not started")
    assert running(machine) is None
    assert machine.load("web").live == 1


def test_a_change_that_the_unit_does_not_see_says_that_the_service_runs_on(machine: FakeMachine) -> None:
    one = push(machine, "1")
    roll_out(machine, one)
    (outcome,) = deploy(tools(machine), [plan_rollout(machine, one, start=False)])
    assert outcome.detail.endswith("; no restart needed")
    assert running(machine) == one.config.image_id


def test_the_owner_goes_back_without_the_registry(machine: FakeMachine) -> None:
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    roll_out(machine, two)
    machine.effects.clear()
    outcome = roll_back(tools(machine), RENDERER, "web", None)
    state = machine.load("web")
    assert (outcome.kind, state.live, state.previous) == (OutcomeKind.UPDATED, 1, 2)
    assert running(machine) == one.config.image_id
    assert [entry.digest for entry in state.quarantine] == [two.digest]
    assert not any(effect.startswith("pull") for effect in machine.effects)


def test_going_back_does_not_lift_the_quarantine_of_a_bad_image(machine: FakeMachine) -> None:
    one, two, bad = push(machine, "1"), push(machine, "2"), push(machine, "3", "exits")
    for image in (one, two, bad):
        roll_out(machine, image)
    roll_back(tools(machine), RENDERER, "web", None)
    assert {entry.digest for entry in machine.load("web").quarantine} == {two.digest, bad.digest}
    roll_back(tools(machine), RENDERER, "web", 2)
    assert {entry.digest for entry in machine.load("web").quarantine} == {bad.digest}


def test_a_new_image_lifts_the_quarantine(machine: FakeMachine) -> None:
    for image in (push(machine, "1"), push(machine, "2", "exits"), push(machine, "3")):
        roll_out(machine, image)
    assert machine.load("web").quarantine == ()


def test_going_back_and_forth_between_two_releases_works(machine: FakeMachine) -> None:
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    roll_out(machine, two)
    roll_back(tools(machine), RENDERER, "web", None)
    outcome = roll_back(tools(machine), RENDERER, "web", 2)
    assert (outcome.kind, machine.load("web").live) == (OutcomeKind.UPDATED, 2)
    assert running(machine) == two.config.image_id


@pytest.mark.parametrize(
    "of", [pytest.param(service(), id="plain"), pytest.param(BACKUP, id="its hook stops it")]
)
@pytest.mark.parametrize("behaviour", ["good", "exits", "unstartable"])
def test_a_kill_at_any_effect_is_finished_or_undone_by_the_next_run(behaviour: str, of: Service) -> None:
    """The sweep: the rollout is killed at its first effect, its second, … until one run is not killed."""
    kill = 0
    while True:
        machine = FakeMachine()
        one, two = push(machine, "1"), push(machine, "2", behaviour)
        roll_out(machine, one)
        machine.requires["beacon-web.service"] = ("gateway.service",)
        machine.start("gateway.service", 1)
        machine.effects.clear()
        machine.kill_at = kill
        try:
            roll_out(machine, two, of)
        except KilledError:
            pass
        else:
            break
        after = machine.copy()
        resume(tools(after), ["web"])
        state = after.load("web")
        assert is_at_rest(state), f"killed at effect {kill}"
        live = state.live_release
        assert live is not None
        assert live.state is ReleaseState.LIVE
        assert running(after) == live.image.image_id, f"killed at effect {kill}: {after.effects}"
        assert f"@{live.digest}" in after.files["beacon-web.container"]
        assert after.loaded["beacon-web.container"] == after.files["beacon-web.container"]
        assert after.states(["gateway.service"])["gateway.service"].active == "active", f"killed at {kill}"
        # And the next update then ends where an undisturbed one does.
        if live.number == 1 and not state.quarantine:
            again = candidate(after, two)
            assert again.number == 2 or behaviour != "good"
            roll_out(after, two)
        wanted = two if behaviour == "good" else one
        assert running(after) == wanted.config.image_id
        kill += 1
    assert kill > 8


@pytest.mark.parametrize("others", [(), ("blog",)], ids=["alone", "shared"])
def test_an_image_whose_pull_was_cut_off_is_pulled_anew(
    machine: FakeMachine, others: tuple[str, ...]
) -> None:
    """Files of it may be empty after a power cut; what another service runs is whole, and stays."""
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    for name in others:
        roll_out(machine, two, service(name))
        machine.mark_partial(two.config.image_id, partial=True)
    machine.effects.clear()
    machine.kill_at = 3
    with pytest.raises(KilledError):
        roll_out(machine, two)
    assert machine.partial == {two.config.image_id}
    after = machine.copy()
    after.effects.clear()
    roll_out(after, two)
    removed = [one for one in after.effects if one.startswith("remove registry.example/me/web@")]
    assert bool(removed) == (not others)
    assert after.effects.count(f"pull registry.example/me/web@{two.digest}") == 1
    assert running(after) == two.config.image_id
    assert not after.partial


def test_a_kill_at_any_effect_of_a_first_release_leaves_it_live_or_not_begun() -> None:
    kill = 0
    while True:
        machine = FakeMachine(kill_at=kill)
        one = push(machine, "1")
        try:
            roll_out(machine, one)
        except KilledError:
            pass
        else:
            break
        after = machine.copy()
        resume(tools(after), ["web"])
        state = after.load("web")
        assert is_at_rest(state)
        assert (running(after) == one.config.image_id) == (state.live == 1), f"killed at effect {kill}"
        kill += 1
    assert kill > 5
