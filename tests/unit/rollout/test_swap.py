"""Handing requests over on the machine in memory: who answers at every instant, and after every kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from beacon.model.outcome import OutcomeKind
from beacon.model.reference import Digest
from beacon.model.release import Release
from beacon.model.runtime import JobResult
from beacon.model.service import Endpoint, Handover, Port, Service, Volume
from beacon.rollout.back import roll_back
from beacon.rollout.deploy import deploy
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.resuming import resume
from beacon.rollout.rendering import Renderer
from tests.fakes.machine import FakeMachine, KilledError
from tests.fakes.stage import FACTS, RENDERER, candidate, is_at_rest, push, running, service, tools

WEB = service(endpoints=(Endpoint("example.org", 8080),))
HELD = replace(WEB, volumes=(Volume("/data", name="data"),))
PORTS = {"8080/tcp": 20001, "8080/tcp+": 20002}
HELPER = "beacon-web.next.service"


@dataclass
class Observed(FakeMachine):
    """A machine behind a proxy that notes, at every effect, which image answers a request."""

    answered: list[Digest | None] = field(default_factory=list)

    def _effect(self, what: str) -> None:
        super()._effect(what)
        if not what.startswith(("save", "pull", "flush", "keep")):
            self.answered.append(self.answers())

    def answers(self) -> Digest | None:
        """Return the image that a request gets to now."""
        order = [HELPER, "beacon-web.service"] if "web" in self.ahead else ["beacon-web.service"]
        for name in order:
            unit = self.units.get(name)
            if unit is not None and unit.active == "active" and unit.running is not None:
                return unit.running[0]
        return None


def proxied() -> Observed:
    """Return a machine whose proxy knows web."""
    return Observed(proxied={"web"})


def with_ports(release: Release) -> Release:
    return replace(release, ports=PORTS)


ALLOTTING = Renderer(lambda: FACTS, RENDERER.templates, with_ports)


def roll_out(machine: FakeMachine, version: str, of: Service = WEB, behaviour: str = "good") -> OutcomeKind:
    release = with_ports(candidate(machine, push(machine, version, behaviour), of))
    files: dict[str, str | None] = {file.name: file.text for file in ALLOTTING.files(release)}
    live = machine.load("web").live
    (outcome,) = deploy(
        tools(machine), [PlannedRollout(release, files, live, beside=ALLOTTING.beside(release))]
    )
    return outcome.kind


def image(machine: FakeMachine, version: str) -> Digest:
    return push(machine, version).config.image_id


class StoppedBeside(Observed):
    """A machine on which the owner stops what depends on web while its next release is tried beside it."""

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        if unit == HELPER:
            self.time += 10
            self.stop("gateway.service", 10)
            self.time += 10
        return super().restart(unit, limit, hopeless)


def test_a_dependent_that_its_owner_stops_during_a_swap_stays_so() -> None:
    machine = StoppedBeside(proxied={"web"})
    roll_out(machine, "1")
    machine.requires["beacon-web.service"] = ("gateway.service",)
    machine.start("gateway.service", 1)
    assert roll_out(machine, "2") is OutcomeKind.UPDATED
    assert machine.units["gateway.service"].active == "inactive"


def test_the_helper_is_the_release_at_its_second_port_alone_and_for_this_boot_only() -> None:
    machine = proxied()
    files = ALLOTTING.beside(with_ports(candidate(machine, push(machine, "1"), WEB)))
    (name,) = files
    assert name == HELPER
    text = files[name]
    assert "--publish=127.0.0.1:20002:8080" in text
    assert "20001" not in text
    assert "--name=beacon-web.next" in text
    assert "WantedBy" not in text


@pytest.mark.parametrize(
    "of",
    [
        HELD,
        replace(WEB, handover=Handover.WAIT),
        replace(WEB, networks=("host",)),
        service(),
    ],
)
def test_what_cannot_be_swapped_has_no_helper(of: Service) -> None:
    machine = proxied()
    assert ALLOTTING.beside(with_ports(candidate(machine, push(machine, "1"), of))) == {}


def test_in_a_swap_somebody_answers_at_every_instant() -> None:
    machine = proxied()
    roll_out(machine, "1")
    machine.answered.clear()
    machine.connected = 5
    assert roll_out(machine, "2") is OutcomeKind.UPDATED
    assert None not in machine.answered
    first = machine.answered.index(image(machine, "2"))
    assert set(machine.answered[:first]) == {image(machine, "1")}
    assert set(machine.answered[first:]) == {image(machine, "2")}
    assert (machine.ahead, machine.helpers, machine.units[HELPER].active) == (set(), {}, "inactive")
    assert running(machine) == image(machine, "2")


@pytest.mark.parametrize("behaviour", ["exits", "unstartable", "unready"])
def test_a_bad_candidate_is_never_asked_and_the_live_one_never_restarted(behaviour: str) -> None:
    machine = proxied()
    roll_out(machine, "1")
    started = machine.units["beacon-web.service"].started
    machine.answered.clear()
    assert roll_out(machine, "2", behaviour=behaviour) is OutcomeKind.ROLLED_BACK
    assert set(machine.answered) == {image(machine, "1")}
    assert machine.units["beacon-web.service"].started == started
    assert (machine.ahead, machine.helpers) == (set(), {})
    assert [one.digest for one in machine.load("web").quarantine] == [push(machine, "2", behaviour).digest]


def test_what_goes_on_is_waited_for_as_long_as_the_definition_says() -> None:
    machine = proxied()
    hasty = replace(WEB, drain=2.0)
    roll_out(machine, "1", hasty)
    machine.connected = 10**6
    roll_out(machine, "2", hasty)
    cut = [line for line in machine.log if "still open after 2 s are cut" in line]
    assert len(cut) == 2
    assert running(machine) == image(machine, "2")


def test_websockets_have_a_limit_of_their_own() -> None:
    machine = proxied()
    patient = replace(WEB, drain=1000.0, drain_websockets=3.0)
    roll_out(machine, "1", patient)
    machine.sockets, machine.connected = 2, 50
    roll_out(machine, "2", patient)
    first, second = (line for line in machine.log if "are cut" in line)
    assert "2 connections to web still open after 5 s are cut" in first  # the requests took so long
    assert "2 connections to web still open after 3 s are cut" in second


def test_a_way_back_is_a_swap_too() -> None:
    machine = proxied()
    roll_out(machine, "1")
    roll_out(machine, "2")
    machine.answered.clear()
    roll_back(tools(machine), ALLOTTING, "web", None)
    assert None not in machine.answered
    assert running(machine) == image(machine, "1")


@pytest.mark.parametrize("of", [HELD, replace(WEB, handover=Handover.WAIT)])
def test_where_both_cannot_run_requests_are_held_during_the_restart(of: Service) -> None:
    machine = proxied()
    roll_out(machine, "1", of)
    machine.effects.clear()
    roll_out(machine, "2", of)
    logged = [one for one in machine.effects if one.startswith(("wait", "restart", "release"))]
    assert logged == ["wait web", "restart beacon-web.service", "release web"]
    machine.effects.clear()
    roll_out(machine, "3", of, "exits")
    assert machine.held == set()
    assert running(machine) == image(machine, "2")


def test_without_a_proxy_the_unit_is_restarted_as_ever() -> None:
    machine = Observed()
    roll_out(machine, "1")
    machine.effects.clear()
    roll_out(machine, "2")
    assert not [one for one in machine.effects if one.startswith(("helper", "wait", "ahead"))]


def test_with_other_ports_there_is_no_swap() -> None:
    machine = proxied()
    roll_out(machine, "1")
    machine.effects.clear()
    roll_out(machine, "2", replace(WEB, ports=(Port(8080, 80),)))
    assert not [one for one in machine.effects if one.startswith("helper")]
    assert "wait web" in machine.effects


def test_a_unit_with_drop_ins_of_its_owner_is_not_swapped_for_one_without() -> None:
    machine = proxied()
    machine.customised.add("web")
    roll_out(machine, "1")
    machine.effects.clear()
    roll_out(machine, "2")
    assert not [one for one in machine.effects if one.startswith("helper")]
    assert "wait web" in machine.effects


def test_a_stopped_service_is_not_swapped() -> None:
    machine = proxied()
    roll_out(machine, "1")
    machine.stop("beacon-web.service", 1)
    machine.effects.clear()
    roll_out(machine, "2")
    assert not [one for one in machine.effects if one.startswith(("helper", "wait"))]


@pytest.mark.parametrize("of", [WEB, HELD], ids=["swap", "wait"])
@pytest.mark.parametrize("behaviour", ["good", "exits"])
@pytest.mark.parametrize("boot", [False, True], ids=["killed", "rebooted"])
def test_a_kill_at_any_effect_leaves_a_working_route(of: Service, behaviour: str, boot: bool) -> None:  # noqa: FBT001
    """The sweep: killed at each effect, with or without a boot, the next run ends it one way or the other."""
    kill = 0
    while True:
        machine = proxied()
        roll_out(machine, "1", of)
        machine.effects.clear()
        machine.kill_at = kill
        try:
            roll_out(machine, "2", of, behaviour)
        except KilledError:
            pass
        else:
            break
        if of is WEB:
            assert machine.answers() is not None, f"nobody answers when killed at {kill}"
        after = machine.booted() if boot else machine.copy()
        assert isinstance(after, Observed)
        after.answered.clear()
        if of is WEB:
            assert after.answers() is not None, f"nobody answers after a kill at {kill}"
        resume(tools(after), ["web"])
        state = after.load("web")
        assert is_at_rest(state), f"killed at effect {kill}"
        live = state.live_release
        assert live is not None
        assert running(after) == after.answers() == live.image.image_id, f"killed at effect {kill}"
        assert (after.ahead, after.held, after.helpers) == (set(), set(), {})
        if of is WEB and not boot:
            assert None not in after.answered, f"killed at effect {kill}: {after.effects}"
            if behaviour != "good":
                assert image(after, "2") not in after.answered
        kill += 1
    assert kill > 8


def test_a_helper_that_somebody_stops_leaves_the_service_alone() -> None:
    machine = proxied()
    roll_out(machine, "1")
    pid = machine.units["beacon-web.service"].pid
    assert roll_out(machine, "2", behaviour="stopped") is OutcomeKind.DEFERRED
    state = machine.load("web")
    assert is_at_rest(state)
    assert (state.live, state.quarantine) == (1, ())
    assert machine.units["beacon-web.service"].pid == pid
    assert machine.answers() == image(machine, "1")


@dataclass
class Stopped(Observed):
    """A machine whose owner stops the service while a helper is watched."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if HELPER in self.units and self.units[HELPER].active == "active":
            self._down("beacon-web.service")


def test_what_is_stopped_while_a_helper_is_watched_stays_stopped() -> None:
    machine = Stopped(proxied={"web"})
    roll_out(machine, "1")
    assert roll_out(machine, "2") is OutcomeKind.STOPPED
    state = machine.load("web")
    assert is_at_rest(state)
    assert (state.live, state.quarantine) == (1, ())
    assert machine.answers() is None
    assert machine.units[HELPER].active == "inactive"
    assert not machine.helpers


@pytest.mark.parametrize("of", [WEB, HELD], ids=["swap", "wait"])
def test_a_release_that_does_not_stand_when_it_is_restarted_holds_no_requests(of: Service) -> None:
    """As after an apply that overwrites what was edited by hand: there is no release to go back to."""
    machine = proxied()
    roll_out(machine, "1", of)
    live = machine.load("web").live_release
    assert live is not None
    push(machine, "1", "exits")
    files: dict[str, str | None] = {file.name: file.text for file in ALLOTTING.files(live)}
    (outcome,) = deploy(tools(machine), [PlannedRollout(live, files, live.number)])
    assert outcome.kind is OutcomeKind.FAILED
    assert "wait web" in machine.effects
    assert not machine.held
    assert machine.load("web").rollout is None
