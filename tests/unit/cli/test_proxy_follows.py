"""The managed proxy follows what verbs change, also after an attempt that failed; with a Caddy in memory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from beacon.cli import endpoints, proxy
from beacon.cli.host import Host
from beacon.endpoints import caddy
from beacon.endpoints.caddyfile import NOTHING, Caddyfile
from beacon.errors import HostError
from beacon.model.host import Scope
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.state.store import StateStore
from tests.unit.endpoints.test_settle_proxy import FakeCaddy, wanted

NEWS, QUIET = Outcome("a", OutcomeKind.INSTALLED), Outcome("a", OutcomeKind.UP_TO_DATE)


class HangingCaddy(FakeCaddy):
    """Caddy, whose reload may take longer than it is waited for."""

    hangs = False

    def reload(self) -> str | None:
        if self.hangs:
            raise HostError("systemctl reload did not end within 60 s")
        return super().reload()


class Rig:
    """A machine whose Caddy is Beacon's to manage, and what is wanted of it."""

    def __init__(self, folder: Path) -> None:
        self.caddy = HangingCaddy()
        self.wanted = NOTHING
        self.store = StateStore(folder, folder)
        self.warnings: list[str] = []
        output = SimpleNamespace(warn=self.warnings.append, say=lambda _: None)
        host = SimpleNamespace(scope=Scope.SYSTEM, store=self.store, caddy=self.caddy, output=output)
        self.host = cast("Host", host)

    def follow(self, outcome: Outcome) -> None:
        proxy.follow(self.host, [outcome])

    @property
    def answers(self) -> bool:
        """Whether Caddy has loaded what is wanted."""
        return self.caddy.loaded[-1:] == [self.wanted.text()]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig(tmp_path)
    (tmp_path / "beacon.caddy").touch()
    monkeypatch.setattr(caddy, "OWN", tmp_path / "beacon.caddy")
    monkeypatch.setattr(endpoints, "installed", lambda _: {})
    monkeypatch.setattr(proxy, "wanted", lambda _: made.wanted)
    made.follow(NEWS)
    assert made.answers
    made.wanted = wanted("a.org")
    return made


def settles_by_itself(rig: Rig) -> bool:
    """Say whether the next run settles, which finds nothing new."""
    assert rig.warnings
    assert not rig.answers
    rig.follow(QUIET)
    return rig.answers


def test_a_caddyfile_that_was_broken_is_made_up_for(rig: Rig) -> None:
    rig.caddy.broken = "unrecognized directive"
    rig.follow(NEWS)
    rig.caddy.broken = ""
    assert settles_by_itself(rig)


def test_a_reload_beyond_its_time_is_made_up_for(rig: Rig) -> None:
    rig.caddy.hangs = True
    rig.follow(NEWS)
    rig.caddy.hangs = False
    assert settles_by_itself(rig)


def test_a_run_that_is_killed_while_it_settles_is_made_up_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rig.caddy, "reload", killed)
        with pytest.raises(KeyboardInterrupt):
            rig.follow(NEWS)
    rig.warnings.append("the terminal told of it")
    assert settles_by_itself(rig)


def test_a_run_that_gives_up_waiting_for_another_is_made_up_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, later = rig.wanted, wanted("a.org", "b.org")

    def looks(_: object) -> Caddyfile:
        # Another run changes a service right after this one has looked, and does not get the lock.
        rig.wanted = later
        with monkeypatch.context() as patched:
            patched.setattr(proxy, "_PATIENCE", 0.0)
            rig.follow(NEWS)
        return first

    with monkeypatch.context() as patched:
        patched.setattr(proxy, "wanted", looks)
        rig.follow(NEWS)
    assert rig.caddy.loaded[-1] == first.text()
    assert settles_by_itself(rig)


def test_what_is_settled_is_not_looked_at_again(rig: Rig) -> None:
    rig.follow(NEWS)
    assert rig.answers
    checks = rig.caddy.checks
    rig.follow(QUIET)
    assert (rig.caddy.checks, rig.warnings) == (checks, [])
