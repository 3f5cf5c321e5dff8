"""beacon endpoint publish: telling stores which domains are answered, and where."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import Json, option
from beacon.cli.output import Output
from beacon.cli.publishing import keep_publishing
from beacon.cli.session import Session, session
from beacon.errors import BeaconError, ExitStatus, UsageError
from beacon.model.notice import plural
from beacon.operations.endpoints.publish import UNIT, PublishRequest, disable_publishing, enable_publishing
from beacon.operations.endpoints.publish import publish as ask
from beacon.wire.endpoints import Publication, PublishedStore


def publish(
    context: typer.Context,
    once: Annotated[bool, option("Publish now, in one pass, and end.", "--once")] = False,
    enable: Annotated[
        bool, option("Have systemd publish from now on, and after each boot.", "--enable")
    ] = False,
    disable: Annotated[
        bool, option("Publish no more, and take back what was published.", "--disable")
    ] = False,
    dry_run: Annotated[bool, option("Only show what would be published.", "--dry-run", "-n")] = False,
    strict: Annotated[
        bool, option("With these two: an endpoint that is left out is an error.", "--strict")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell the stores of beacon.toml which domains are answered, and where.

    What is not up is taken back there, and so is what this machine published of services that are gone.
    Without an option it does so until it is stopped.
    """
    if once + dry_run + enable + disable > 1:
        raise UsageError("--once, --dry-run, --enable and --disable exclude each other")
    if (strict or as_json) and not (once or dry_run):
        raise UsageError("--strict and --json go with --once and --dry-run")
    here = session(context)
    if enable:
        _enable(here)
    elif disable:
        _end(here.output, disable_publishing(here.machine(), here.listener))
    elif once or dry_run:
        answer = ask(here.machine(), PublishRequest(dry_run), here.listener)
        _end(here.output, answer, as_json=as_json)
        if strict and answer.left_out:
            raise typer.Exit(ExitStatus.DATAERR)
    else:
        keep_publishing(here.machine)  # as `python -m beacon` does, without this module


def _enable(here: Session) -> None:
    answer = enable_publishing(here.machine(), here.listener)
    _show(here.output, answer)
    here.output.say(f"{UNIT} keeps them up to date")
    if _show_problems(here.output, answer):
        here.output.say("it is tried again until it works")


def _end(output: Output, answer: Publication, *, as_json: bool = False) -> None:
    """Show what was done, and end with the status of what could not be done."""
    if as_json:
        output.data(answer)
    else:
        _show(output, answer)
    if status := _show_problems(output, answer):
        raise typer.Exit(status)


def _show_problems(output: Output, answer: Publication) -> int:
    """Show what kept stores from being updated; return the status that stands for the last of it, or 0."""
    status = 0
    for store in answer.stores:
        if store.problem:
            output.error(BeaconError(store.problem, hint=store.fix))
            status = store.status
    return status


def _show(output: Output, answer: Publication) -> None:
    for store in answer.stores:
        if store.written is not None:
            changes = f"{len(store.written)} written, {len(store.deleted)} deleted"
            output.say(f"{store.store}: {plural(len(store.published), 'key')}, {changes}")
        elif not store.problem:
            _show_plan(output, store)
    for sentence in answer.left_out:
        output.say(sentence)
    output.notices(answer.warnings)


def _show_plan(output: Output, store: PublishedStore) -> None:
    for key, value in store.published.items():
        output.answer(f"{key} {value}" if key != store.store else f"{key}:\n{value.rstrip()}")
    for key in store.deleted:
        output.answer(f"{key} is deleted, where it is there")
