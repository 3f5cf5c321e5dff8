"""What the options of the whole command say, as every verb gets it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec import Struct, field

from beacon.cli.interruption import Interruption
from beacon.cli.output import Output
from beacon.cli.reporter import MakeDisplay, TerminalListener
from beacon.errors import AccessError
from beacon.model.machine import Scope
from beacon.operations.caller import Caller
from beacon.operations.importing.ending import end_adoptions
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.state.scopes import services_elsewhere
from beacon.systemd.user import enter_manager

if TYPE_CHECKING:
    import typer


class Session(Struct, frozen=True):
    """The scope, and where answers go."""

    scope: Scope
    output: Output
    display: MakeDisplay | None = None
    """What shows pulls at a terminal."""
    interruption: Interruption = field(default_factory=Interruption)

    @property
    def listener(self) -> Listener:
        """Whoever watches the terminal."""
        return TerminalListener(self.output, self.display, self.interruption)

    def machine(self, *, required: bool = True) -> Machine:
        """Return the machine in this scope; unless *required*, also if no manager runs for the user.

        Raises AccessError otherwise.
        """
        if self.scope is Scope.USER:
            with suppress(*() if required else (AccessError,)):
                _enter()
        return Machine(self.scope, _caller())

    def end_adoptions(self) -> None:
        """End the adoptions that a kill interrupted."""
        self.output.notices(end_adoptions(self.machine(), self.listener))


def _caller() -> Caller:
    """Return who runs this process."""
    command = " ".join(["beacon", *sys.argv[1:]])
    return Caller(os.geteuid(), dict(os.environ), Path.home(), sys.argv[0], command)


def _enter() -> None:
    """Enter the user's manager; where there is none, the machine's services may be meant."""
    try:
        enter_manager(os.environ)
    except AccessError as error:
        caller = _caller()
        if not services_elsewhere(Scope.USER, caller.environment):
            raise
        hint = f"{error.hint}; for the machine's services: {caller.typed_elsewhere(Scope.USER)}"
        raise AccessError(error.message, hint=hint) from None


def whose_of(machine: Machine) -> str:
    """Return whose the services of *machine* are, and how others are seen; empty if there are no others."""
    if not machine.others:
        return ""
    whose = "of your own; the machine's" if machine.scope is Scope.USER else "of the machine; your own"
    return f"{whose}: {machine.caller.typed_elsewhere(machine.scope)}"


def chosen_scope(user: bool, system: bool) -> Scope:
    """Return the scope that --user and --system choose: root's own is the machine."""
    return Scope.USER if user or (os.geteuid() != 0 and not system) else Scope.SYSTEM


def session(context: typer.Context) -> Session:
    """Return the session of a verb's call."""
    return cast("Session", context.obj)
