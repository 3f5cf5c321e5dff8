"""The machine, for those verbs that are not operations yet: with the terminal that hears of what goes on."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from beacon.cli.reporter import TerminalListener
from beacon.operations.caller import Caller
from beacon.operations.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beacon.cli.output import Output
    from beacon.model.host import Scope
    from beacon.model.outcome import Outcome
    from beacon.rollout.world import World

_ADOPTION = 1800.0


def this_caller() -> Caller:
    """Return who runs this process."""
    command = " ".join(["beacon", *sys.argv[1:]])
    return Caller(os.geteuid(), dict(os.environ), Path.home(), sys.argv[0], command)


class Host(Machine):
    """The machine in one scope, for one run of the command."""

    def __init__(self, scope: Scope, output: Output) -> None:
        super().__init__(scope, this_caller())
        self.output = output
        self.listener = TerminalListener(output)
        self._skipped: set[Path] = set()

    @cached_property
    def world(self) -> World:
        """Everything a rollout acts on."""
        return self.world_for(self.listener)

    def follow(self, outcomes: Iterable[Outcome]) -> None:
        """Have the managed proxy follow what *outcomes* changed; what hinders it is told, and no more."""
        self.output.notices(self.tell_proxy(outcomes))

    def definition_files(self) -> dict[str, str]:
        """Return name → text of every definition; those that cannot be read are named once, and left out."""
        found = self.definitions()
        for path, why in found.unreadable.items():
            if path not in self._skipped:
                self._skipped.add(path)
                self.output.warn(why)
        return dict(found.texts)

    def end_adoptions(self) -> None:
        """End the adoptions that a kill interrupted, before it is asked which services there are."""
        if not self.store.adoptions():
            return
        if self.caller.is_confined:  # where no definition can be removed, and no container be started
            from beacon.engine.hooks import HostHooks

            ending = (self.caller.program, "import", "--adopt")
            fault = HostHooks(self.scope).outside(ending, "End adoptions by Beacon", _ADOPTION)
            if fault is not None:
                self.output.warn(f"adoptions are not ended: {fault}")
            return
        from beacon.cli.adoption import finish_adoptions

        finish_adoptions(self)
