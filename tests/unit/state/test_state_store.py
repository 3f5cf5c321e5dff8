"""The states of services, as they are read and replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import fields, replace

from beacon.errors import MachineError
from beacon.model.reference import ImageReference
from beacon.model.release import Hold, ServiceState
from beacon.model.rollout.former import FormerRollout
from beacon.model.rollout.record import RolloutFacts, begun
from beacon.model.service import Health, Service
from beacon.state.store import StateStore, fingerprint

FORMER_STATES = Path(__file__).parents[1] / "rollout/states-of-version-1"
HELD = ServiceState("web", hold=Hold("2026-01-02T03:04:05Z", "a reason"))


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    """Return an empty store."""
    return StateStore(tmp_path, tmp_path)


def test_a_service_of_which_nothing_is_known_has_an_empty_state(store: StateStore) -> None:
    assert store.load("web") == ServiceState("web")


def test_what_another_process_wrote_meanwhile_is_seen(store: StateStore, tmp_path: Path) -> None:
    store.save(HELD)
    assert store.load("web").hold is not None
    StateStore(tmp_path, tmp_path).save(ServiceState("web"))
    assert store.load("web").hold is None
    StateStore(tmp_path, tmp_path).remove("web")
    assert store.load("web") == ServiceState("web")


def test_a_damaged_state_is_told(store: StateStore, tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services/web.json").write_text("{", encoding="utf-8")
    with pytest.raises(MachineError, match="cannot understand"):
        store.load("web")


def test_a_state_of_a_newer_beacon_is_not_read_and_so_not_written_over(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "state", tmp_path / "run")
    path = tmp_path / "state" / "services" / "web.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "web", "version": 7, "signature_policy": {"key": "x"}, "releases": []}')
    with pytest.raises(MachineError, match="newer Beacon"):
        store.load("web")
    assert "signature_policy" in path.read_text()


def test_a_key_more_at_its_default_changes_no_fingerprint() -> None:
    class Later(Service, frozen=True, eq=False):
        snapshot: bool = False

    service = Service("web", ImageReference.parse("ghcr.io/me/web:1"), health=Health(tcp=80))
    later = Later(**{one.name: getattr(service, one.name) for one in fields(service)})
    assert fingerprint(later) == fingerprint(service)
    assert fingerprint(replace(service, health=Health(tcp=81))) != fingerprint(service)


def test_a_rollout_of_an_older_beacon_outlives_the_state_that_it_was_kept_in(
    store: StateStore, tmp_path: Path
) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services/web.json").write_bytes((FORMER_STATES / "gating.json").read_bytes())
    former = store.rollout("web")
    assert isinstance(former, FormerRollout)
    for reason in ("one", "another"):
        store.save(replace(store.load("web"), hold=Hold("2026-01-02T03:04:05Z", reason)))
        assert store.rollout("web") == former
    facts = RolloutFacts("web", release=2, previous=1, started=former.started)
    store.save_rollout(begun(facts, "boot"))
    assert store.rollout("web") == begun(facts, "boot")
    store.remove_rollout("web")
    assert store.rollout("web") is None


def test_what_an_older_beacon_was_at_is_forgotten_with_its_service(store: StateStore, tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services/web.json").write_bytes((FORMER_STATES / "gating.json").read_bytes())
    store.save(store.load("web"))
    store.remove("web")
    assert store.rollout("web") is None
