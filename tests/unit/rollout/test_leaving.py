"""What goes with a service for good, and what is said of what cannot go."""

from __future__ import annotations

from pathlib import Path

from beacon.errors import MachineError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.rollout.definitions.leaving import left, purge, without_definition

GONE = Outcome("web", OutcomeKind.REMOVED)
STUCK = Outcome("web", OutcomeKind.FAILED, "it does not stop")


class Volumes:
    """An engine with volumes, of which one may be in use."""

    def __init__(self, used: str = "") -> None:
        self.there = {"beacon-web-data": "web", "beacon-db-data": "db"}
        self._used = used

    def volumes(self) -> dict[str, str]:
        return dict(self.there)

    def remove_volume(self, name: str) -> None:
        if name == self._used:
            raise MachineError("volume is being used")
        del self.there[name]


def test_volumes_of_the_service_alone_are_deleted() -> None:
    engine = Volumes()
    assert purge(engine, "podman", GONE).detail == "deleted with beacon-web-data"
    assert engine.there == {"beacon-db-data": "db"}
    assert purge(engine, "podman", GONE).detail == "it had no volumes"


def test_a_volume_that_stays_is_told_with_the_command_that_deletes_it() -> None:
    end = purge(Volumes("beacon-web-data"), "docker", GONE)
    assert end.kind is OutcomeKind.FAILED
    assert end.detail == "it is gone, but beacon-web-data with its data is not: volume is being used"
    assert end.hint == "docker volume rm beacon-web-data"


def test_a_service_that_stays_keeps_its_volumes_and_its_definition(tmp_path: Path) -> None:
    engine, definition, kept = Volumes(), tmp_path / "web.toml", tmp_path / "kept/web.toml"
    kept.parent.mkdir()
    for path in (definition, kept):
        path.touch()
    assert purge(engine, "podman", STUCK) is STUCK
    assert without_definition(definition, STUCK) is STUCK
    assert left({"web": kept}, [STUCK]) == ()
    assert (definition.exists(), kept.exists(), len(engine.there)) == (True, False, 2)


def test_the_definition_of_one_that_is_gone_goes_last(tmp_path: Path) -> None:
    definition = tmp_path / "web.toml"
    definition.touch()
    assert without_definition(definition, GONE) is GONE
    assert not definition.exists()
    assert left({"web": tmp_path / "kept"}, [GONE]) == (str(tmp_path / "kept"),)
