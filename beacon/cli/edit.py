"""beacon edit: a definition in the owner's editor, saved only when it is in order."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from beacon.cli.arguments import Name
from beacon.cli.outcomes import show_answer
from beacon.cli.session import session
from beacon.errors import DefinitionError, Fault, HostError
from beacon.operations.apply import ApplyRequest
from beacon.operations.apply import apply as ask_to_apply
from beacon.operations.definitions.text import SaveRequest, ShowRequest, judge, save, show
from beacon.operations.machine import Machine
from beacon.wire.definition import DefinitionText

_SET_EDITOR = "EDITOR=nano beacon edit NAME chooses another"


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(edit)


def edit(
    context: typer.Context,
    name: Name,
    apply: Annotated[bool, typer.Option("--apply", help="Apply the change when it is in order.")] = False,
) -> None:
    """Edit a definition; it is saved only when it is in order.

    The editor is $VISUAL or $EDITOR, else Debian's sensible-editor.
    """
    here = session(context)
    machine = here.machine()
    machine.require_write("edit")
    old = show(machine, ShowRequest(name), here.listener)
    here.output.notices(old.warnings)
    new = _edited(here.output.error, machine, old)
    if new == old.text:
        here.output.say("nothing has changed")
        return
    save(machine, SaveRequest(old.name, new), here.listener)
    if not apply:
        here.output.say(f"saved {old.file}; beacon apply {old.name} makes it so")
        return
    here.end_adoptions()
    answer = ask_to_apply(machine, ApplyRequest((old.name,)), here.listener)
    raise typer.Exit(show_answer(here.output, answer, every=True))


def _edited(tell: Callable[[DefinitionError], None], machine: Machine, old: DefinitionText) -> str:
    """Return the text that the owner leaves in the editor, once it is in order."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "sensible-editor"
    with tempfile.TemporaryDirectory(prefix="beacon-") as folder:
        draft = Path(folder) / f"{old.name}.toml"
        draft.write_text(old.text, encoding="utf-8")
        while True:
            _run_editor(command, draft)
            try:
                new = _saved(draft, old.file)
                judge(machine, SaveRequest(old.name, new))
            except DefinitionError as error:
                if not os.isatty(0):
                    raise DefinitionError(error.faults, hint="nothing was saved") from error
                tell(error)
                if not typer.confirm("Edit again?", default=True, err=True):
                    return old.text
            else:
                return new


def _run_editor(command: str, draft: Path) -> None:
    try:
        status = subprocess.run([*shlex.split(command), str(draft)], check=False).returncode
    except (OSError, ValueError) as error:
        problem = f"cannot run the editor {command!r}: {getattr(error, 'strerror', None) or error}"
        raise HostError(problem, hint=_SET_EDITOR) from error
    if status:
        problem = f"the editor {command!r} ended with status {status}; nothing was saved"
        raise HostError(problem, hint=_SET_EDITOR)


def _saved(draft: Path, file: str) -> str:
    try:
        return draft.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DefinitionError([Fault(file, "", "must be UTF-8; the editor saved something else")]) from None
