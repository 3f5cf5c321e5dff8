"""beacon app list and search: the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from beacon.catalog.sources import BUILT_IN, OWN
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
    _list(context, words or [], as_json=as_json)


def search(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="What to look for.")],
    as_json: Json = False,
) -> None:
    """Show the apps of the catalog that are about some words."""
    _list(context, words, as_json=as_json)


def _list(context: typer.Context, words: list[str], *, as_json: bool) -> None:
    here = session(context)
    answer = list_apps(here.machine(required=False), SearchRequest(tuple(words)), here.listener)
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
    yield f"{one.summary}{_whence(one)}"


def _whence(one: AppInfo) -> str:
    """Return where a manifest comes from, if it is not one of Beacon's, and whose it goes before."""
    if one.origin == BUILT_IN:
        return ""
    words = "your own manifest" if one.is_own else f"from {one.origin}"
    return f" ({', before '.join((words, *map(named_origin, one.before)))})"


def named_origin(origin: str) -> str:
    """Return where a manifest comes from, in words."""
    return {BUILT_IN: "Beacon's", OWN: "your own"}.get(origin, f"that of {origin}")
