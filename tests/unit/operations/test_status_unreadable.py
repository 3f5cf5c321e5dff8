"""What cannot be read of one service keeps nobody from the status of all."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.release import UnderWay
from beacon.model.rollout.former import FormerRollout
from beacon.model.rollout.record import Rollout
from beacon.operations.status import StatusRequest, status
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, service


class Unreadable(FakeMachine):
    """A machine on which the record of one rollout is damaged."""

    def rollout(self, name: str) -> Rollout | FormerRollout | None:
        raise MachineError(f"cannot understand rollouts/{name}.json", hint="move it away")


def test_a_record_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    machine = Unreadable()
    for name in ("api", "web"):
        roll_out(machine, push(machine, "1"), service(name))
    machine.saved["web"] = replace(machine.saved["web"], rollout=UnderWay(2))
    answer = status(StagedMachine(machine, tmp_path), StatusRequest(), Recorder())
    assert [(one.text, one.fix) for one in answer.warnings] == [
        ("web: cannot understand rollouts/web.json", "move it away")
    ]
    api, web = answer.services
    assert (api.name, api.rollout, web.name, web.rollout) == ("api", None, "web", None)
    assert "rollout of release 2: its step is not known" in web.notes
