"""beacon app list: the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from beacon.cli.arguments import Json
from beacon.cli.session import session
from beacon.model.notice import plural
from beacon.operations.apps.listing import SearchRequest, list_apps
from beacon.wire.apps import AppInfo

App = Annotated[str, typer.Argument(metavar="APP", help="Its name in the catalog.")]
_HEADINGS = ("APP", "VERSION", "INSTALLED", "WHAT IT IS")


def list_(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="What to look for.")] = None,
    as_json: Json = False,
) -> None:
    """Show the apps of the catalog, or those that are about some words."""
    here = session(context)
    answer = list_apps(here.machine(required=False), SearchRequest(tuple(words or ())), here.listener)
    if as_json:
        here.output.data(answer)
        return
    here.output.notices(answer.warnings)
    if answer.apps:
        here.output.table(_HEADINGS, [tuple(_row(one)) for one in answer.apps])
    here.output.say(plural(len(answer.apps), "app"))


def _row(one: AppInfo) -> Iterator[str]:
    yield one.id
    yield one.version
    yield ", ".join(one.instances)
    yield f"{one.summary}{' (your own manifest)' if one.is_own else ''}"
