"""beacon app status, info, lint and schema: what is installed, and single apps of the catalog."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from beacon.catalog.manifest import json_schema
from beacon.cli.apps.listing import App, named_origin
from beacon.cli.arguments import Json
from beacon.cli.session import session
from beacon.definition.grammar.quantities import format_size
from beacon.operations.apps import showing
from beacon.operations.apps.showing import AppRequest
from beacon.wire.apps import AppDetails, Installation


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show the installed apps, where each is reached, and whether the catalog has news."""
    here = session(context)
    found = showing.list_installed(here.machine(), here.listener)
    if as_json:
        here.output.data(found)
    elif found.installed:
        here.output.table(("APP", "VERSION", "REACHED AT", "NEWS"), map(_installation, found.installed))
    else:
        here.output.say("no app is installed; beacon app install APP does that")


def info(context: typer.Context, app: App, as_json: Json = False) -> None:
    """Show what an app is, what it needs, and what can be answered."""
    here = session(context)
    answer = showing.show_app(here.machine(required=False), AppRequest(app), here.listener)
    if as_json:
        here.output.data(answer)
        return
    for label, text in _facts(answer):
        here.output.labelled(label, text)
    rows = [
        (one.name, one.type, one.default or ("needed" if one.required else ""), one.label)
        for one in answer.options
    ]
    if rows:
        here.output.answer("\n")
        here.output.table(("OPTION", "TYPE", "DEFAULT", "QUESTION"), rows)
    if answer.actions:
        here.output.answer("\n")
        actions = [(f"{one.id} {one.takes}".strip(), one.label) for one in answer.actions]
        here.output.table(("ACTION", "WHAT IT DOES"), actions)


def schema(context: typer.Context) -> None:
    """Print the JSON Schema of a manifest, for editors."""
    session(context).output.answer(json.dumps(json_schema(), indent=2))


def lint(
    context: typer.Context,
    manifest: Annotated[str, typer.Argument(metavar="APP|FILE", help="An app of the catalog, or a file.")],
) -> None:
    """Judge a manifest, and the definitions that it becomes."""
    here = session(context)
    name = str(Path(manifest).absolute()) if "/" in manifest or manifest.endswith(".toml") else manifest
    showing.lint(here.machine(required=False), AppRequest(name), here.listener)
    here.output.say(f"{manifest} is in order")


def _installation(one: Installation) -> tuple[str, ...]:
    news = ""
    if one.changing:
        news = "yellow|is being changed; beacon update ends what was cut off"
    elif one.newest is None:
        news = "no longer in the catalog"
    elif one.newest > one.revision:
        news = f"yellow|revision {one.newest}: beacon app update {one.name}"
    return one.name, one.version, one.url, news


def _facts(answer: AppDetails) -> Iterator[tuple[str, str]]:
    app = answer.app
    yield "App", f"{app.name} {app.version} (revision {app.revision})"
    yield "About", answer.description or app.summary
    yield "Licence", answer.license
    yield from ((name.capitalize(), link) for name, link in answer.links.items())
    needs = [*answer.arch, *([f"{format_size(answer.memory)} of memory"] if answer.memory else [])]
    needs += [f"{format_size(answer.disk)} of room"] if answer.disk else []
    needs += ["a domain, for HTTPS"] if answer.https else []
    if needs:
        yield "Needs", ", ".join(needs)
    yield from (("Service", f"{name}: {image}") for name, image in answer.services.items())
    if app.instances:
        yield "Installed", ", ".join(app.instances)
    before = "".join(f", before {named_origin(one)}" for one in app.before)
    yield "Manifest", f"{answer.file} ({named_origin(app.origin)}{before})"
