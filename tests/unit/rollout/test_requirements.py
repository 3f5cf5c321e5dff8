"""What a start needs of the machine is looked at before anything is stopped for it."""

from __future__ import annotations

import pytest

from beacon.model.outcome import OutcomeKind
from beacon.model.service import Port, Protocol, Secret, Volume
from beacon.rollout.decisions.requirements import Stock, lacking, mounts_above
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, running, service

WEB = Port(8080, 8080)
NEEDY = service(
    ports=(WEB,),
    secrets=(Secret("tok", env="TOK"),),
    volumes=(Volume("/data", host="/srv/data"),),
    env_files=("/etc/web.env",),
    devices=("/dev/dri:/dev/dri", "vendor.example/gpu=all"),
)


def test_a_port_that_it_has_itself_is_free_although_its_state_is_lost(machine: FakeMachine) -> None:
    """As after a purge of the package, which leaves services running."""
    roll_out(machine, push(machine, "1"), service(ports=(WEB,)))
    machine.saved.clear()
    machine.sockets_taken = {("127.0.0.1", 8080, "tcp")}
    machine.published["web"] = {"8080/tcp": ("127.0.0.1", 8080)}
    assert roll_out(machine, push(machine, "2"), service(ports=(WEB,))).kind is OutcomeKind.INSTALLED
    machine.saved.clear()
    machine.published["web"] = {"8080/tcp": ("127.0.0.1", 8081)}
    assert roll_out(machine, push(machine, "3"), service(ports=(WEB,))).kind is OutcomeKind.FAILED


def test_all_that_is_lacking_is_said_at_once_and_what_runs_goes_on(machine: FakeMachine) -> None:
    one = push(machine, "1")
    roll_out(machine, one)
    machine.gone |= {"/srv/data", "/etc/web.env", "/dev/dri", "vendor.example/gpu=all"}
    machine.sockets_taken = {("0.0.0.0", 8080, "tcp")}
    machine.free = 1000
    machine.effects.clear()
    outcome = roll_out(machine, push(machine, "2"), NEEDY)
    assert outcome.kind is OutcomeKind.FAILED
    for word in ("'tok'", "/srv/data is", "/etc/web.env is", "/dev/dri is", "8080/tcp is taken", "disk"):
        assert word in outcome.detail
    assert "vendor" not in outcome.detail
    state = machine.load("web")
    assert (state.live, state.rollout, state.quarantine) == (1, None, ())
    assert running(machine) == one.config.image_id
    assert not [effect for effect in machine.effects if "start" in effect or "stop" in effect]


def test_where_nothing_is_lacking_it_is_rolled_out(machine: FakeMachine) -> None:
    machine.secret_names = {"tok"}
    assert roll_out(machine, push(machine, "1"), NEEDY).kind is OutcomeKind.INSTALLED


def test_its_own_port_is_not_in_its_way(machine: FakeMachine) -> None:
    of = service(ports=(WEB,))
    roll_out(machine, push(machine, "1"), of)
    machine.sockets_taken = {("0.0.0.0", 8080, "tcp")}
    assert roll_out(machine, push(machine, "2"), of).kind is OutcomeKind.UPDATED


@pytest.mark.parametrize(
    ("taken", "port", "is_free"),
    [
        (("127.0.0.1", 8080, "tcp"), WEB, False),
        (("::", 8080, "tcp"), Port(80, 8080, "10.0.0.1"), False),
        (("10.0.0.1", 8080, "tcp"), Port(80, 8080, "10.0.0.1"), False),
        (("10.0.0.2", 8080, "tcp"), Port(80, 8080, "10.0.0.1"), True),
        (("0.0.0.0", 8080, "udp"), WEB, True),
        (("0.0.0.0", 8080, "udp"), Port(80, 8080, protocol=Protocol.UDP), False),
        (("0.0.0.0", 8082, "tcp"), Port(80, 8080, count=3), False),
        (("0.0.0.0", 8080, "tcp"), Port(80), True),
    ],
)
def test_a_port_is_taken_where_both_would_listen(
    taken: tuple[str, int, str], port: Port, *, is_free: bool
) -> None:
    assert (lacking(service(ports=(port,)), Stock(taken=frozenset({taken}))) == ()) is is_free


@pytest.mark.parametrize("networks", [("host",), ("service:vpn",), ("none",)])
def test_what_publishes_no_ports_needs_none(networks: tuple[str, ...]) -> None:
    stock = Stock(taken=frozenset({("0.0.0.0", 8080, "tcp")}))
    assert lacking(service(ports=(WEB,), networks=networks), stock) == ()


@pytest.mark.parametrize("host", ["/tmp/socket", "/lib/modules/6.1", "/run/x.sock"])  # noqa: S108  # nothing is made
def test_what_the_timer_sees_otherwise_than_its_owner_is_taken_to_be_there(host: str) -> None:
    of = service(volumes=(Volume("/data", host=host),))
    assert lacking(of, Stock(absent=frozenset({host}))) == ()


def test_what_systemd_will_mount_is_taken_to_be_there(machine: FakeMachine) -> None:
    machine.gone = {"/mnt/my-nas/data"}
    of = service(volumes=(Volume("/data", host="/mnt/my-nas/data"),))
    assert roll_out(machine, push(machine, "1"), of).kind is OutcomeKind.FAILED
    machine.states([r"mnt-my\x2dnas.mount"])  # which it knows from now on
    assert roll_out(machine, push(machine, "1"), of).kind is OutcomeKind.INSTALLED


def test_what_the_owner_s_own_directives_may_make_is_taken_to_be_there(machine: FakeMachine) -> None:
    machine.gone = {"/srv/data"}
    machine.customised = {"web"}
    of = service(volumes=(Volume("/data", host="/srv/data"),))
    assert roll_out(machine, push(machine, "1"), of).kind is OutcomeKind.INSTALLED


def test_mount_units_have_the_names_that_systemd_gives_them() -> None:
    assert mounts_above("/mnt/my nas/.x") == {
        "-.mount",
        "mnt.mount",
        r"mnt-my\x20nas.mount",
        r"mnt-my\x20nas-.x.mount",
    }


def test_a_network_that_the_engine_has_lost_is_made_again(machine: FakeMachine) -> None:
    of = service(networks=("back",))
    roll_out(machine, push(machine, "1"), of)
    machine.requires["beacon-back-network.service"] = ()
    machine.start("beacon-back-network.service", 10)
    assert roll_out(machine, push(machine, "2"), of).kind is OutcomeKind.UPDATED
    assert "make network beacon-back" in machine.effects


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine without services."""
    return FakeMachine()
