"""The managed proxy follows what verbs change, also after an attempt that failed; with a Caddy in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.endpoints.installed import installed
from beacon.endpoints.proxy.managed import ManagedProxy, desired
from beacon.errors import MachineError
from beacon.model.notice import Notice
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import ServiceState
from beacon.model.service import Endpoint
from beacon.state.store import StateStore
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import candidate, push, service
from tests.unit.endpoints.test_settle_proxy import FakeCaddy

NEWS, QUIET = Outcome("a", OutcomeKind.INSTALLED), Outcome("a", OutcomeKind.UP_TO_DATE)


class HangingCaddy(FakeCaddy):
    """Caddy, whose reload may take longer than it is waited for, or be killed."""

    hangs = False
    killed = False

    def reload(self) -> str | None:
        if self.killed:
            raise KeyboardInterrupt
        if self.hangs:
            raise MachineError("systemctl reload did not end within 60 s")
        return super().reload()


class Memory(StateStore):
    """What is remembered, and something that happens right after it was looked at."""

    after_a_look: Callable[[], None] | None = None

    def load_all(self) -> dict[str, ServiceState]:
        seen = super().load_all()
        happens, self.after_a_look = self.after_a_look, None
        if happens is not None:
            happens()
        return seen


class Rig:
    """A machine whose Caddy is Beacon's to manage, and the services on it."""

    def __init__(self, folder: Path) -> None:
        self.caddy = HangingCaddy()
        self.memory = Memory(folder, folder)
        self.warnings: tuple[Notice, ...] = ()

    def install(self, name: str) -> None:
        """Have a service live that is reached by ``NAME.org``."""
        machine = FakeMachine()
        image = push(machine, "1")
        made = candidate(machine, image, service(name, endpoints=(Endpoint(f"{name}.org", 80),)))
        live = replace(made, ports={"80/tcp": 20000 + ord(name)})
        self.memory.save(ServiceState(name, (live,), live=live.number))

    def follow(self, outcome: Outcome, patience: float = 60.0) -> None:
        self.warnings = ManagedProxy(self.caddy, self.memory, patience=patience).follow([outcome])

    @property
    def answers(self) -> bool:
        """Whether Caddy has loaded what is wanted."""
        return self.caddy.loaded[-1:] == [desired(installed(self.memory)[0]).text()]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    made.follow(NEWS)
    assert made.answers
    made.install("a")
    assert not made.answers
    return made


def settles_by_itself(rig: Rig) -> bool:
    """Say whether the next run settles, which finds nothing new."""
    assert not rig.answers
    rig.follow(QUIET)
    return rig.answers


def test_a_caddyfile_that_was_broken_is_made_up_for(rig: Rig) -> None:
    rig.caddy.broken = "unrecognized directive"
    rig.follow(NEWS)
    assert any("unrecognized directive" in one.text for one in rig.warnings)
    rig.caddy.broken = ""
    assert settles_by_itself(rig)


def test_a_reload_beyond_its_time_is_made_up_for(rig: Rig) -> None:
    rig.caddy.hangs = True
    rig.follow(NEWS)
    assert [one.text for one in rig.warnings] == [
        "Caddy goes on as before: systemctl reload did not end within 60 s"
    ]
    rig.caddy.hangs = False
    assert settles_by_itself(rig)


def test_a_run_that_is_killed_while_it_settles_is_made_up_for(rig: Rig) -> None:
    rig.caddy.killed = True
    with pytest.raises(KeyboardInterrupt):
        rig.follow(NEWS)
    rig.caddy.killed = False
    assert settles_by_itself(rig)


def test_a_run_that_gives_up_waiting_for_another_is_made_up_for(rig: Rig) -> None:
    first = desired(installed(rig.memory)[0])

    def another_run_changes_a_service() -> None:
        # And does not get the lock, which this one holds.
        rig.install("b")
        rig.follow(NEWS, patience=0.0)
        assert "another beacon" in rig.warnings[0].text

    rig.memory.after_a_look = another_run_changes_a_service
    rig.follow(NEWS)
    assert rig.caddy.loaded[-1] == first.text()
    assert settles_by_itself(rig)


def test_what_is_settled_is_not_looked_at_again(rig: Rig) -> None:
    rig.follow(NEWS)
    assert rig.answers
    checks = rig.caddy.checks
    rig.follow(QUIET)
    assert (rig.caddy.checks, rig.warnings) == (checks, ())
