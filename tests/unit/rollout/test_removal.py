"""Services that are removed are gone, or remembered."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import cast

import pytest
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.outcome import OutcomeKind
from beacon.model.reference import Digest
from beacon.model.runtime import Container, JobResult
from beacon.model.service import Volume
from beacon.rollout.apply import execute
from beacon.rollout.ports import Registry
from beacon.rollout.proposing.proposal import ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from beacon.rollout.removal import remove_uninstalled
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import PLATFORM, RENDERER, push, roll_out, running, service, tools

NOBODY = cast("Registry", None)
"""Who removes services asks no registry."""


class Stubborn(FakeMachine):
    """A machine on which one unit does not stop, and one file does not go."""

    unit = ""
    result = JobResult.GAVE_UP
    file = ""

    def stop(self, unit: str, limit: float) -> JobResult:
        """Stop a unit, but for one."""
        return self.result if unit == self.unit else super().stop(unit, limit)

    def put(self, name: str, text: str | None) -> None:
        """Write or remove a file, but for one."""
        if name == self.file and text is None and name in self.files:
            raise MachineError(f"cannot remove {name}: Operation not permitted")
        super().put(name, text)


@pytest.fixture
def machine() -> Stubborn:
    """Return a machine with the services db and web."""
    machine = Stubborn()
    image = push(machine, "1")
    for name in ("db", "web"):
        roll_out(machine, image, replace(service(name), volumes=(Volume("/data", name="data"),)))
    return machine


def remove(machine: FakeMachine, *names: str) -> dict[str, tuple[OutcomeKind, str]]:
    """Remove services, and return what became of each."""
    proposer = Proposer(tools(machine), NOBODY, RENDERER, PLATFORM)
    proposal = proposer.propose(ProposalRequest(definitions={}, gone=frozenset(names)), machine.files)
    return {end.service: (end.kind, end.detail) for end in execute(tools(machine), proposal)}


def test_what_is_removed_is_forgotten_and_its_data_is_named(machine: Stubborn) -> None:
    assert remove(machine, "web", "db") == {
        "db": (OutcomeKind.REMOVED, "its data stays in beacon-db-data"),
        "web": (OutcomeKind.REMOVED, "its data stays in beacon-web-data"),
    }
    assert (machine.saved, machine.files) == ({}, {})


@pytest.mark.parametrize("result", [JobResult.GAVE_UP, JobResult.REFUSED, JobResult.CANCELED])
def test_what_does_not_stop_stays_and_is_removed_once_it_does(machine: Stubborn, result: JobResult) -> None:
    machine.unit, machine.result = "beacon-web.service", result
    before = {name: text for name, text in machine.files.items() if "web" in name}
    ends = remove(machine, "web", "db")
    assert ends["db"][0] is OutcomeKind.REMOVED
    assert ends["web"][0] is OutcomeKind.FAILED
    assert "beacon-web.service" in ends["web"][1]
    assert (set(machine.saved), machine.files) == ({"web"}, before)
    assert running(machine, "web")
    machine.unit = ""
    assert remove(machine, "web")["web"][0] is OutcomeKind.REMOVED
    assert (machine.saved, machine.files) == ({}, {})


def test_a_container_that_outlives_its_unit_is_not_gone(machine: Stubborn) -> None:
    class Orphaning(Stubborn):
        def stop(self, unit: str, limit: float) -> JobResult:
            del limit
            self.units[unit].active = "failed"
            return JobResult.DONE

        def containers(self) -> Mapping[str, Container]:
            return {"web": Container("web", Digest("sha256:" + "a" * 64))}

    orphaning = Orphaning(files=machine.files, saved=machine.saved, units=machine.units)
    assert remove(orphaning, "web")["web"] == (
        OutcomeKind.FAILED,
        "beacon-web.service failed to stop its container, which runs on",
    )
    assert "web" in orphaning.saved


@pytest.mark.parametrize("file", ["beacon-web.container", "beacon-web-data.volume"])
def test_what_leaves_a_file_is_remembered_and_hinders_no_other(machine: Stubborn, file: str) -> None:
    machine.file = file
    ends = remove(machine, "web", "db")
    assert ends["db"][0] is OutcomeKind.REMOVED
    assert ends["web"] == (
        OutcomeKind.FAILED,
        f"it is stopped, but cannot remove {file}: Operation not permitted",
    )
    assert set(machine.saved) == {"web"}
    assert file in machine.files
    assert machine.loaded.keys() <= machine.files.keys()
    machine.file = ""
    assert remove(machine, "web")["web"][0] is OutcomeKind.REMOVED
    assert (machine.saved, machine.files) == ({}, {})


def test_a_network_stays_while_what_does_not_stop_is_on_it() -> None:
    machine = Stubborn()
    for name in ("db", "web"):
        roll_out(machine, push(machine, "1"), replace(service(name), networks=("back",)))
    machine.unit = "beacon-web.service"
    remove(machine, "web", "db")
    assert sorted(machine.files) == ["beacon-back.network", "beacon-web.container"]
    machine.unit = ""
    remove(machine, "web")
    assert machine.files == {}
    assert "remove network beacon-back" in machine.effects


def test_what_runs_without_files_is_stopped_as_well(machine: Stubborn) -> None:
    machine.files.clear()
    machine.unit = "beacon-web.service"
    stuck = remove_uninstalled(dataclasses.replace(tools(machine), systemctl="systemctl --user"), "web")
    assert stuck.kind is OutcomeKind.FAILED
    assert "systemctl --user status beacon-web.service" in (stuck.hint or "")
    assert "web" in machine.saved
    machine.unit = ""
    assert remove_uninstalled(tools(machine), "web").kind is OutcomeKind.REMOVED
    assert "web" not in machine.saved
    assert running(machine, "web") is None
