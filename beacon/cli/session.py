"""What the options of the whole command say, as every verb gets it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from beacon.cli.host import Host, this_caller
from beacon.cli.output import Output
from beacon.cli.reporter import TerminalListener
from beacon.cli.user import enter_manager
from beacon.errors import AccessError
from beacon.model.host import Scope
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.operations.scopes import command_elsewhere, services_elsewhere

if TYPE_CHECKING:
    import typer


class Session(Struct, frozen=True):
    """The scope, and where answers go."""

    scope: Scope
    output: Output

    @property
    def listener(self) -> Listener:
        """Whoever watches the terminal."""
        return TerminalListener(self.output)

    def machine(self, *, required: bool = True) -> Machine:
        """Return the machine in this scope; unless *required*, also if no manager runs for the user.

        Raises AccessError otherwise.
        """
        if self.scope is Scope.USER:
            with suppress(*() if required else (AccessError,)):
                _enter()
        return Machine(self.scope, this_caller())

    def end_adoptions(self) -> None:
        """End the adoptions that a kill interrupted."""
        self.host().end_adoptions()

    def host(self) -> Host:
        """Return the same for verbs that are not operations yet."""
        if self.scope is Scope.USER:
            _enter()
        return Host(self.scope, self.output)


def _enter() -> None:
    """Enter the user's manager; where there is none, the machine's services may be meant."""
    try:
        enter_manager()
    except AccessError as error:
        caller = this_caller()
        if not services_elsewhere(Scope.USER, caller):
            raise
        meant = command_elsewhere(Scope.USER, caller)
        hint = f"{error.hint}; for the machine's services: {meant}"
        raise AccessError(error.message, hint=hint) from None


def chosen_scope(user: bool, system: bool) -> Scope:
    """Return the scope that --user and --system choose: root's own is the machine."""
    return Scope.USER if user or (os.geteuid() != 0 and not system) else Scope.SYSTEM


def session(context: typer.Context) -> Session:
    """Return the session of a verb's call."""
    return cast("Session", context.obj)
