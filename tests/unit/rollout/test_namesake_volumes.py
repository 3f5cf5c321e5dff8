"""Volumes that two services would share by name: the newcomer is refused, before anything is stopped."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.errors import DefinitionError
from beacon.model.image import ResolvedImage
from beacon.model.outcome import OutcomeKind
from beacon.model.release import Release
from beacon.model.service import Service, Volume
from beacon.rollout.allotting.namesakes import refuse_shared_volumes, shared_volumes
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import candidate, push, roll_out, service, tools

WEB = service("web", volumes=(Volume("/d", name="db-data"),))
WEB_DB = service("web-db", volumes=(Volume("/d", name="data"),))


def with_volume(image: ResolvedImage, path: str) -> ResolvedImage:
    """Return an image that declares a VOLUME."""
    return replace(image, config=replace(image.config, volumes=(path,)))


def faults(machine: FakeMachine, release: Release, *beside: Release) -> list[str]:
    """Return what is wrong with the volumes of a release."""
    state = machine.load(release.service.name)
    return [str(fault) for fault in shared_volumes(tools(machine), state, release, beside)]


@pytest.mark.parametrize(("there", "comes"), [(WEB, WEB_DB), (WEB_DB, WEB)])
def test_a_volume_that_another_service_has_is_not_a_newcomer_s(there: Service, comes: Service) -> None:
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"), there)
    (fault,) = faults(machine, candidate(machine, push(machine, "1"), comes))
    assert fault == (
        f"{comes.name}.toml: volume[0].name: must give /d a volume of another name: "
        f"beacon-web-db-data is {there.name}'s, for /d"
    )


def test_nor_is_it_for_a_volume_of_its_image() -> None:
    machine = FakeMachine()
    roll_out(machine, with_volume(push(machine, "1"), "/db/data"), service("web"))
    roll_out(machine, push(machine, "2"), service("web-db"))
    new = candidate(machine, with_volume(push(machine, "3"), "/data"), service("web-db"))
    (fault,) = faults(machine, new)
    assert fault == (
        "web-db.toml: volume: must give /data a volume of another name: "
        "beacon-web-db-data is web's, for /db/data"
    )
    with pytest.raises(DefinitionError):
        refuse_shared_volumes(tools(machine), machine.load("web-db"), new)


def test_nor_are_two_newcomers_given_one() -> None:
    machine = FakeMachine()
    image = push(machine, "1")
    web, web_db = candidate(machine, image, WEB), candidate(machine, image, WEB_DB)
    assert faults(machine, web) == []
    assert len(faults(machine, web_db, web)) == 1


def test_nor_is_data_that_a_removed_service_left_behind() -> None:
    machine = FakeMachine()
    machine.make_volume("beacon-web-db-data", {"io.beacon.service": "web"})
    (fault,) = faults(machine, candidate(machine, push(machine, "1"), WEB_DB))
    assert fault.endswith("beacon-web-db-data is what is left of web's data")
    assert faults(machine, candidate(machine, push(machine, "1"), WEB)) == []


def test_what_both_have_already_stays_as_it_is() -> None:
    machine = FakeMachine()
    for one in (WEB, WEB_DB):
        assert roll_out(machine, push(machine, "1"), one).kind is OutcomeKind.INSTALLED
    for one in (WEB, WEB_DB):
        assert faults(machine, candidate(machine, push(machine, "2"), one)) == []


def test_names_that_are_only_near_share_nothing() -> None:
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"), WEB)
    for name in ("webdb", "we", "web-d"):
        other = service(name, volumes=(Volume("/d", name="data"),))
        assert faults(machine, candidate(machine, push(machine, "1"), other)) == []
