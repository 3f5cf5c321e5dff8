"""The session of a call, with a machine in memory behind it."""

from __future__ import annotations

import inspect
import shlex
from dataclasses import dataclass
from typing import Any

import typer
from typer.testing import CliRunner

from beacon.cli.app import register
from beacon.cli.output import Output
from beacon.cli.session import Session
from beacon.model.machine import Scope
from beacon.operations.machine import Machine

# click before 8.2 puts both streams into one unless it is asked not to.
_APART: dict[str, Any] = (
    {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
)


class StagedSession(Session, frozen=True, kw_only=True):
    """A session whose machine is *here*."""

    here: Machine

    def machine(self, *, required: bool = True) -> Machine:
        del required
        return self.here


def session_with(machine: Machine) -> StagedSession:
    """Return a session of root's, without colours, whose machine is *machine*."""
    return StagedSession(Scope.SYSTEM, Output(colour=False), here=machine)


@dataclass(frozen=True)
class Said:
    """What a call of the command line came to."""

    exit_code: int
    stdout: str
    stderr: str
    exception: BaseException | None

    @property
    def output(self) -> str:
        """What it wrote, wherever it did."""
        return self.stdout + self.stderr


def call(machine: Machine, module: str, words: str, typed: bytes = b"", **variables: str) -> Said:
    """Run a verb, with its words, of a *module* of the command line; an error is the result's exception.

    *typed* is its standard input; *variables* are set in the environment meanwhile.
    """
    app = typer.Typer()
    verb, *rest = shlex.split(words)
    register(app, module, (verb,))
    done = CliRunner(**_APART).invoke(app, rest, typed, obj=session_with(machine), env=variables)
    return Said(done.exit_code, done.stdout, done.stderr, done.exception)
