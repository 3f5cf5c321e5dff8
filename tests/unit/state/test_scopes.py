"""What is known of the services of the other scope."""

from __future__ import annotations

from pathlib import Path

from beacon.model.machine import Scope
from beacon.state.paths import Paths
from beacon.state.scopes import services_in


def test_services_are_known_by_their_definitions_and_their_units(tmp_path: Path) -> None:
    paths = Paths.of(Scope.USER, {}, tmp_path, 1000)
    for path in (
        paths.definitions / "web.toml",
        paths.definitions / ".draft.toml",
        paths.quadlet / "beacon-db.container",
        paths.quadlet / "beacon-db-data.volume",
        paths.units / "beacon-mail.service",
        paths.units / "beacon-back-network.service",
        paths.units / "other.service",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert set(services_in(paths)) == {"web", "db", "mail"}


def test_folders_that_are_not_there_have_none(tmp_path: Path) -> None:
    assert set(services_in(Paths.of(Scope.USER, {}, tmp_path, 1000))) == set()
