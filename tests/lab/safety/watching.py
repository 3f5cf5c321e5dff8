"""Runs on a test host: looks at the operation under way from another process, and says what it sees as JSON.

Usage: watching.py list|cancel|watch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from beacon.model.machine import Scope
from beacon.operations.caller import Caller
from beacon.operations.listener import Nobody, Progress
from beacon.operations.machine import Machine
from beacon.operations.running import OperationRequest, cancel, operations, watch


class Recorder:
    """Remembers the kinds of what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def hear(self, progress: Progress) -> None:
        self.heard.append(type(progress).__name__)


def main(what: str) -> None:
    machine = Machine(Scope.SYSTEM, Caller(uid=0, environment={}, home=Path("/root")))
    said: dict[str, object] = {}
    found = operations(machine, None, Nobody()).operations
    match what:
        case "list":
            said["count"] = len(found)
            for one in found:
                said |= {"verb": one.verb, "services": one.services}
        case "cancel":
            cancel(machine, OperationRequest(found[0].id), Nobody())
        case _:
            recorder = Recorder()
            watch(machine, OperationRequest(found[0].id), recorder)
            said["heard"] = recorder.heard
    sys.stdout.write(json.dumps(said))


main(sys.argv[1])
