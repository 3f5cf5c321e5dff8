"""beacon new and edit: a definition in the owner's editor, saved only when it is in order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from beacon import streams
from beacon.cli.arguments import Name, option
from beacon.cli.outcomes import show_answer
from beacon.cli.session import Session, session
from beacon.errors import DefinitionError, Fault
from beacon.operations.apply import ApplyRequest
from beacon.operations.apply import apply as ask_to_apply
from beacon.operations.definitions.text import (
    DraftRequest,
    SaveRequest,
    ShowRequest,
    create,
    draft,
    judge,
    save,
    show,
)
from beacon.operations.machine import Machine
from beacon.programs import choose_editor, run_editor
from beacon.wire.definition import DefinitionText

_Apply = Annotated[bool, option("Apply it when it is in order.", "--apply")]


def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service's name.")],
    image: Annotated[str, typer.Argument(metavar="[IMAGE]", help="What to run.")] = "",
    apply: _Apply = False,
) -> None:
    """Write a definition in your editor, beginning with what most services need.

    It is saved only when it is in order. beacon add makes one without an editor.
    """
    here = session(context)
    machine = here.machine()
    machine.require_write("new")
    begin = draft(machine, DraftRequest(name, image), here.listener)
    here.output.notices(begin.warnings)
    text = _edited(here.output.error, machine, begin)
    if text is None:
        here.output.say("nothing was saved")
        return
    create(machine, SaveRequest(name, text), here.listener)
    _end(here, begin, apply=apply)


def edit(context: typer.Context, name: Name, apply: _Apply = False) -> None:
    """Edit a definition; it is saved only when it is in order.

    The editor is $VISUAL or $EDITOR, else Debian's sensible-editor, nano or vi.
    """
    here = session(context)
    machine = here.machine()
    machine.require_write("edit")
    old = show(machine, ShowRequest(name), here.listener)
    here.output.notices(old.warnings)
    text = _edited(here.output.error, machine, old)
    if text is None or text == old.text:
        here.output.say("nothing has changed")
        return
    save(machine, SaveRequest(old.name, text), here.listener)
    _end(here, old, apply=apply)


def _end(here: Session, saved: DefinitionText, *, apply: bool) -> None:
    """Say where the definition is that was saved, or apply it."""
    if not apply:
        here.output.say(f"saved {saved.file}; beacon apply {saved.name} makes it so")
        return
    streams.outlive_terminal()
    here.end_adoptions()
    answer = ask_to_apply(here.machine(), ApplyRequest((saved.name,)), here.listener)
    raise typer.Exit(show_answer(here.output, answer, every=True))


def _edited(show: Callable[[DefinitionError], None], machine: Machine, old: DefinitionText) -> str | None:
    """Return the text that the owner leaves in the editor, once it is in order; None if it is given up."""
    command = choose_editor(os.environ)
    with tempfile.TemporaryDirectory(prefix="beacon-") as folder:
        file = Path(folder) / f"{old.name}.toml"
        file.write_text(old.text, encoding="utf-8")
        while True:
            run_editor(command, file)
            try:
                new = _saved(file, old.file)
                judge(machine, SaveRequest(old.name, new))
            except DefinitionError as error:
                if not os.isatty(0):
                    raise DefinitionError(error.faults, hint="nothing was saved") from error
                show(error)
                if not typer.confirm("Edit again?", default=True, err=True):
                    return None
            else:
                return new


def _saved(draft: Path, file: str) -> str:
    try:
        return draft.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DefinitionError([Fault(file, "", "must be UTF-8; the editor saved something else")]) from None
