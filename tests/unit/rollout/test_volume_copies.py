"""Volumes that a rollout copies: those that never had a name, and those of a container that is adopted."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.errors import DefinitionError, MachineError
from beacon.model.image import ResolvedImage
from beacon.model.outcome import OutcomeKind
from beacon.model.plan import CopyVolumes
from beacon.model.rollout.record import VolumeCopy
from beacon.model.service import Hooks, Service, Volume
from beacon.rollout.apply import execute
from beacon.rollout.back import roll_back
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.deploy import deploy
from beacon.rollout.driving.resuming import resume
from beacon.rollout.handling.move import require_copy, secure
from beacon.rollout.proposing.proposal import Proposal, ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from tests.fakes.machine import FakeMachine, KilledError
from tests.fakes.registry import OneImage
from tests.fakes.stage import (
    PLATFORM,
    RENDERER,
    is_at_rest,
    plan_rollout,
    push,
    roll_out,
    running,
    service,
    tools,
)

ID = "28ac" * 16
COPY = "beacon-web-more"


def on(*, name: str | None = None, external: str | None = None) -> Service:
    """Return a service with one volume."""
    return service(volumes=(Volume("/more", name=name, external=external),))


def settled() -> tuple[FakeMachine, ResolvedImage]:
    """Return a machine whose service has its data in a volume without a name, and the image."""
    machine = FakeMachine(volumes={ID: "precious"}, anonymous={ID})
    image = push(machine, "1")
    roll_out(machine, image, on(external=ID))
    machine.effects.clear()
    return machine, image


def propose(machine: FakeMachine, image: ResolvedImage, of: Service) -> Proposal:
    proposer = Proposer(tools(machine), OneImage(image), RENDERER, PLATFORM)
    return proposer.propose(
        ProposalRequest(definitions={of.name: DefinedService(of, str(of))}), machine.files
    )


def test_the_fake_machine_deletes_what_never_had_a_name() -> None:
    machine, _ = settled()
    machine.restart("beacon-web.service", 1)
    assert ID not in machine.volumes


@pytest.mark.parametrize("hooks", [Hooks(), Hooks(before_update=("true", "beacon-web.service"))])
def test_an_update_and_a_rollback_keep_it(hooks: Hooks) -> None:
    machine, _ = settled()
    assert (
        roll_out(machine, push(machine, "2"), replace(on(external=ID), hooks=hooks)).kind
        is OutcomeKind.UPDATED
    )
    roll_back(tools(machine), RENDERER, "web", None)
    assert machine.volumes == {ID: "precious"}


def test_it_is_secured_without_a_rollout() -> None:
    machine, _ = settled()
    secure(tools(machine), [machine.load("web")])
    machine.restart("beacon-web.service", 1)
    assert machine.volumes == {ID: "precious"}


def test_a_service_that_is_removed_leaves_it() -> None:
    machine, image = settled()
    proposer = Proposer(tools(machine), OneImage(image), RENDERER, PLATFORM)
    gone = proposer.propose(ProposalRequest(definitions={}, gone=frozenset({"web"})), machine.files)
    (outcome,) = execute(tools(machine), gone)
    assert outcome.kind is OutcomeKind.REMOVED
    assert machine.volumes == {ID: "precious"}
    assert machine.secured == set()


def test_a_name_takes_the_data_along_and_the_engine_keeps_its_own() -> None:
    machine, image = settled()
    proposal = propose(machine, image, on(name="more"))
    (copying,) = (step for step in proposal.plan.steps if isinstance(step, CopyVolumes))
    assert copying.volumes == (COPY,)
    assert ID in copying.reason.sentence
    (outcome,) = execute(tools(machine), proposal)
    assert outcome.kind is OutcomeKind.UPDATED
    assert f"podman keeps what it had in {ID}" in outcome.detail
    assert machine.volumes == {ID: "precious", COPY: "precious"}
    assert machine.secured == set()
    assert machine.labels[COPY]["io.beacon.service"] == "web"
    assert propose(machine, image, on(name="more")).plan.is_empty


def test_a_release_that_is_gone_back_to_has_the_data_as_it_is_now() -> None:
    machine, image = settled()
    execute(tools(machine), propose(machine, image, on(name="more")))
    machine.volumes[COPY] = "newer"
    roll_back(tools(machine), RENDERER, "web", 1)
    assert "beacon-web-more.volume" in machine.files["beacon-web.container"]
    assert ID not in machine.files["beacon-web.container"]
    assert machine.volumes[COPY] == "newer"


def test_a_release_that_does_not_stand_is_put_back_with_its_volume() -> None:
    machine, image = settled()
    machine.registry[image.digest].behaviour = "exits"
    (outcome,) = execute(tools(machine), propose(machine, image, on(name="more")))
    machine.registry[image.digest].behaviour = "good"
    assert outcome.kind in {OutcomeKind.ROLLED_BACK, OutcomeKind.ROLLBACK_FAILED}
    assert machine.volumes == {ID: "precious"}
    assert machine.secured == {ID}


def test_a_volume_that_has_the_name_is_not_overwritten() -> None:
    machine, image = settled()
    machine.volumes[COPY] = "another's"
    before = running(machine)
    (outcome,) = execute(tools(machine), propose(machine, image, on(name="more")))
    assert (outcome.kind, running(machine)) == (OutcomeKind.FAILED, before)
    assert "podman has a volume beacon-web-more already" in outcome.detail
    assert "stop beacon-web.service" not in machine.effects
    assert machine.volumes == {ID: "precious", COPY: "another's"}


def test_one_that_others_mount_stays_shared() -> None:
    machine, image = settled()
    machine.mounted[ID] = {"beacon-web": True, "beacon-kept.28ac28ac28ac": False, "other": False}
    (outcome,) = execute(tools(machine), propose(machine, image, on(name="more")))
    assert outcome.kind is OutcomeKind.FAILED
    assert "is mounted by other as well" in outcome.detail


def test_a_volume_without_a_name_that_is_new_to_a_service_is_refused() -> None:
    machine = FakeMachine(volumes={ID: "precious"}, anonymous={ID})
    image = push(machine, "1")
    with pytest.raises(DefinitionError) as raised:
        propose(machine, image, on(external=ID))
    (fault,) = raised.value.faults
    assert (fault.file, fault.key) == ("web.toml", "volume[0].external")
    assert f"podman volume export {ID}" in fault.problem
    machine.anonymous.clear()  # somebody made it so: then it has a name, if an odd one
    assert not propose(machine, image, on(external=ID)).plan.is_empty


@pytest.mark.parametrize("behaviour", ["good", "exits"])
def test_a_kill_at_any_effect_loses_nothing(behaviour: str) -> None:
    kill = 0
    while True:
        machine, image = settled()
        two = push(machine, "2", behaviour)
        machine.kill_at = kill
        try:
            roll_out(machine, two, on(name="more"))
        except KilledError:
            pass
        else:
            break
        after = machine.copy()
        resume(tools(after), ["web"])
        state = after.load("web")
        live = state.live_release
        assert is_at_rest(state)
        assert live is not None
        assert running(after) == live.image.image_id
        mounted = COPY if live.number == 2 else ID
        assert mounted in after.files["beacon-web.container"]
        assert after.volumes[mounted] == "precious", f"killed at {kill}"
        assert after.volumes[ID] == "precious", f"killed at {kill}"
        kill += 1
    assert kill > 12
    del image


ADOPTED = (VolumeCopy(ID, COPY, name="more"),)


def adopt(machine: FakeMachine, image: ResolvedImage) -> None:
    """Roll out a first release with the data of a container."""
    made = replace(plan_rollout(machine, image, on(name="more")), adopted=ADOPTED)
    deploy(tools(machine), [made])


def test_what_is_adopted_is_copied_before_the_first_start() -> None:
    machine = FakeMachine(volumes={ID: "precious"}, anonymous={ID})
    adopt(machine, push(machine, "1"))
    assert machine.effects.index(f"make volume {COPY}") < machine.effects.index("restart beacon-web.service")
    assert machine.volumes == {ID: "precious", COPY: "precious"}


def test_a_kill_at_any_effect_of_an_adoption_ends_with_the_data_or_without_the_service() -> None:
    kill = 0
    while True:
        machine = FakeMachine(volumes={ID: "precious"}, anonymous={ID}, kill_at=kill)
        image = push(machine, "1")
        try:
            adopt(machine, image)
        except KilledError:
            pass
        else:
            break
        after = machine.copy()
        resume(tools(after), ["web"])
        assert after.volumes[ID] == "precious"
        if after.load("web").live is not None:
            assert after.volumes[COPY] == "precious", f"killed at {kill}"
        else:
            assert running(after) is None
        kill += 1
    assert kill > 8


@pytest.mark.parametrize(
    ("machine", "problem"),
    [
        pytest.param(FakeMachine(), f"no volume {ID}", id="no source"),
        pytest.param(FakeMachine(volumes={ID: "", COPY: ""}), "already", id="no room"),
        pytest.param(FakeMachine(volumes={ID: ""}, mounted={ID: {"db": True}}), "mounted by db", id="shared"),
    ],
)
def test_what_cannot_be_copied_is_refused(machine: FakeMachine, problem: str) -> None:
    with pytest.raises(MachineError, match=problem):
        require_copy(tools(machine), ADOPTED[0], ("old",))
