"""beacon app install, set, update, remove and edit: what is installed."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from beacon.cli.apps.listing import App
from beacon.cli.arguments import Json, complete_app, option
from beacon.cli.definitions.plan import show_plan
from beacon.cli.outcomes import show_answer
from beacon.cli.session import Session, session
from beacon.errors import UsageError
from beacon.formats.tomltext import read_toml
from beacon.operations.apps import foreseeing, installing
from beacon.operations.apps.installing import ChangeRequest, InstallRequest, RemoveAppRequest
from beacon.state.files import explained
from beacon.wire.apps import AppChanged
from beacon.wire.outcome import Outcomes
from beacon.wire.plan import PlanAnswer

Answers = Annotated[list[str] | None, option("Answer an option.", "--set", metavar="NAME=VALUE")]
FromFile = Annotated[
    list[str] | None, option("Answer it with the text of a file.", "--set-file", metavar="NAME=FILE")
]
Values = Annotated[Path | None, option("Answers in TOML.", "--values", metavar="FILE")]
Overwritten = Annotated[
    bool, option("Write over definitions that were edited by hand; copies are kept.", "--overwrite")
]
Planned = Annotated[bool, option("Show what would be done, and change nothing.", "--plan")]
Instance = Annotated[
    str, typer.Argument(metavar="NAME", help="The installed app.", autocompletion=complete_app)
]


def install(
    context: typer.Context,
    app: App,
    name: Annotated[str, option("What it is called here. Default: the app.", "--name", metavar="NAME")] = "",
    answers: Answers = None,
    files: FromFile = None,
    values: Values = None,
    force: Annotated[bool, option("Install it though there is too little room.", "--force")] = False,
    plan: Planned = False,
    as_json: Json = False,
) -> None:
    """Install an app: it asks nothing, makes its passwords, and says where it is reached.

    beacon app info shows what can be answered. A secret is typed with --set NAME= and is asked for then.
    """
    here = session(context)
    here.machine().require_write("app install")
    request = InstallRequest(app, name, _answers(answers, files, values), force)
    if plan:
        _show(here, foreseeing.plan_install(here.machine(), request, here.listener), as_json=as_json)
    _end(here, installing.install(here.machine(), request, here.listener), as_json=as_json, new=True)


def set_(
    context: typer.Context,
    name: Instance,
    answers: Annotated[
        list[str] | None, typer.Argument(metavar="[OPTION=VALUE]...", help="New answers.")
    ] = None,
    files: FromFile = None,
    values: Values = None,
    overwrite: Overwritten = False,
    plan: Planned = False,
    as_json: Json = False,
) -> None:
    """Change the answers of an installed app, and apply what follows from them.

    Without any, what you wrote in its file takes effect. If a service does not become healthy, the whole app
    goes back.
    """
    here = session(context)
    here.machine().require_write("app set")
    request = ChangeRequest(name, _answers(answers, files, values), overwrite=overwrite)
    if plan:
        _show(here, foreseeing.plan_change(here.machine(), request, here.listener), as_json=as_json)
    _end(here, installing.change(here.machine(), request, here.listener), as_json=as_json)


def update(
    context: typer.Context,
    name: Instance,
    overwrite: Overwritten = False,
    plan: Planned = False,
    as_json: Json = False,
) -> None:
    """Bring an installed app to the newest revision of its manifest: all its images together, or none."""
    here = session(context)
    request = ChangeRequest(name, update=True, overwrite=overwrite)
    if plan:
        _show(here, foreseeing.plan_change(here.machine(), request, here.listener), as_json=as_json)
    _end(here, installing.change(here.machine(), request, here.listener), as_json=as_json)


def remove(
    context: typer.Context,
    name: Instance,
    purge: Annotated[bool, option("Delete its volumes and secrets, too.", "--purge")] = False,
    yes: Annotated[bool, option("Do not ask.", "--yes", "-y")] = False,
    as_json: Json = False,
) -> None:
    """Remove an installed app; its data and its secrets stay, and an installation of it finds them again."""
    here = session(context)
    here.machine().require_write("app remove")
    if purge and not yes:
        if not os.isatty(0):
            raise UsageError(
                "--purge deletes data, and nobody can be asked here", hint="--yes if you are sure"
            )
        if typer.prompt(f"All data of {name} is deleted. Type its name", err=True) != name:
            raise UsageError("nothing is removed")
    answer = installing.remove_app(here.machine(), RemoveAppRequest(name, purge), here.listener)
    _end(here, answer, as_json=as_json)


def _answers(words: list[str] | None, files: list[str] | None, values: Path | None) -> Mapping[str, object]:
    """Return the answers of the command line, which go before those of a file."""
    found: dict[str, object] = {}
    if values is not None:
        text = explained("read", values, lambda: values.read_text(encoding="utf-8"))
        try:
            found |= read_toml(text)
        except ValueError as error:
            raise UsageError(f"{values} is not TOML: {error}") from error
    for word in files or ():
        name, path = _pair(word, "NAME=FILE")
        file = Path(path)
        found[name] = explained("read", file, lambda file=file: file.read_text(encoding="utf-8"))  # type: ignore[misc]
    for word in words or ():
        name, value = _pair(word, "NAME=VALUE")
        found[name] = value or _typed(name)
    return found


def _pair(word: str, form: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not name or not equals:
        raise UsageError(f"an answer is {form}, and not {word!r}")
    return name, value


def _typed(name: str) -> str:
    """Return an answer that is not to be seen; at a terminal it is typed, elsewhere it is empty."""
    return getpass.getpass(f"{name}: ") if os.isatty(0) else ""


def _show(here: Session, answer: PlanAnswer, *, as_json: bool) -> NoReturn:
    """Show what would be done. Exits with the status of that."""
    if as_json:
        here.output.data(answer)
    else:
        show_plan(here.output, answer, "the same without --plan")
    raise typer.Exit(answer.status)


def _end(here: Session, answer: AppChanged, *, as_json: bool, new: bool = False) -> None:
    """Show what came of it, and how to log in if the app is *new*. Exits with the status of that."""
    outcomes = Outcomes(services=answer.outcomes, warnings=answer.warnings)
    if as_json:
        here.output.data(answer)
        raise typer.Exit(outcomes.status)
    status = show_answer(here.output, outcomes, every=True)
    at = answer.installation
    facts = {"Address": at.url if at is not None and (new or not status) else ""}
    if at is not None and new:
        facts |= {"Login": answer.login, "Password": answer.password}
    for label, text in facts.items():
        if text:
            here.output.labelled(label, text)
    if at is not None and new and answer.text:
        here.output.say(answer.text)
    if answer.kept:
        here.output.say(f"its secrets stay: {', '.join(answer.kept)}")
    if new and status:
        here.output.say(_what_next(answer))
    raise typer.Exit(status)


def _what_next(answer: AppChanged) -> str:
    """Return what to do about an installation that failed."""
    again = "the same command tries again"
    if answer.installation is None:
        return f"nothing but its secrets is left of it; {again}"
    failed = [one.service for one in answer.outcomes if one.kind.status]
    return f"beacon logs {failed[0]} says more; {again}, beacon app remove {answer.name} takes it away"
