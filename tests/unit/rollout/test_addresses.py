"""A release with endpoints has to accept connections there before it is healthy."""

from __future__ import annotations

from dataclasses import dataclass, field

from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.service import Endpoint, Port
from beacon.rollout.deploy import deploy
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import plan_rollout, push, running, service, tools

WEB = service(
    ports=(Port(8080, host_port=8080, host_ip="0.0.0.0"),),
    endpoints=(Endpoint("example.org", 8080),),
)


@dataclass
class Deaf(FakeMachine):
    """A machine on which some versions of the image accept no connections."""

    deaf: set[str] = field(default_factory=set)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def tcp(self, address: str, port: int, timeout: float) -> str | None:
        del timeout
        self.asked.append((address, port))
        ids = {push(self, version).config.image_id for version in self.deaf}
        return "refuses connections" if running(self) in ids else None


def roll(machine: Deaf, version: str) -> Outcome:
    (outcome,) = deploy(tools(machine), [plan_rollout(machine, push(machine, version), WEB)])
    return outcome


def test_a_first_release_has_to_accept_connections() -> None:
    machine = Deaf(deaf={"1"})
    outcome = roll(machine, "1")
    assert outcome.kind is OutcomeKind.FAILED
    assert "port 8080, where an endpoint is reached, refuses connections after" in outcome.detail
    assert set(machine.asked) == {("127.0.0.1", 8080)}


def test_one_that_no_longer_does_is_put_back_and_tried_again_after_a_day() -> None:
    machine = Deaf(deaf={"2"})
    assert roll(machine, "1").kind is OutcomeKind.INSTALLED
    assert roll(machine, "2").kind is OutcomeKind.ROLLED_BACK
    (entry,) = machine.load("web").quarantine
    assert entry.until  # it may have needed longer
    assert running(machine) == push(machine, "1").config.image_id


def test_what_never_did_is_not_asked_of_the_next() -> None:
    machine = Deaf()
    assert roll(machine, "1").kind is OutcomeKind.INSTALLED
    machine.deaf = {"1", "2"}
    assert roll(machine, "2").kind is OutcomeKind.UPDATED
