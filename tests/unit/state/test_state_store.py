"""The states of services, as they are read and replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import HostError
from beacon.model.release import Hold, ServiceState
from beacon.state.store import StateStore

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
    with pytest.raises(HostError, match="cannot understand"):
        store.load("web")
