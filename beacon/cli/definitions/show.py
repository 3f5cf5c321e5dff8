"""beacon show and schema: a definition, what it comes to, and what one may hold."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from beacon.cli.arguments import Json, option, services
from beacon.cli.session import Session, session
from beacon.definition.decode import json_schema
from beacon.definition.example import example as whole_example
from beacon.errors import UsageError
from beacon.operations.definitions.render import ShowEffectiveRequest, show_effective
from beacon.operations.definitions.text import ShowRequest
from beacon.operations.definitions.text import show as ask


def show(
    context: typer.Context,
    name: Annotated[str | None, services("NAME", "The service.")] = None,
    effective: Annotated[
        bool, option("With what the image adds, and where each value comes from.", "--effective")
    ] = False,
    example: Annotated[bool, option("Show a definition with every key there is.", "--example")] = False,
    as_json: Json = False,
) -> None:
    """Show a definition."""
    here = session(context)
    if example:
        here.output.answer(whole_example().rstrip())
        return
    if name is None:
        raise UsageError("say which service to show", hint="beacon show NAME, or beacon show --example")
    if effective:
        _show_effective(here, name, as_json=as_json)
        return
    answer = ask(here.machine(), ShowRequest(name), here.listener)
    here.output.notices(answer.warnings)
    if as_json:
        here.output.data(answer)
    else:
        here.output.answer(answer.text.rstrip())


def schema(context: typer.Context) -> None:
    """Print the JSON Schema of a definition, for editors."""
    session(context).output.answer(json.dumps(json_schema(), indent=2))


def _show_effective(here: Session, name: str, *, as_json: bool) -> None:
    answer = show_effective(here.machine(), ShowEffectiveRequest(name), here.listener)
    if as_json:
        here.output.data(answer)
        return
    here.output.table(("KEY", "VALUE", "FROM"), [(one.key, one.value, one.source) for one in answer.values])
    for note in answer.notes:
        here.output.warn(note)
