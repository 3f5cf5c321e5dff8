"""beacon render: the unit files of services."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from beacon.cli.arguments import Json, Names, option
from beacon.cli.session import session
from beacon.errors import UsageError
from beacon.model.machine import Engine, EngineVersion
from beacon.operations.definitions.render import RenderRequest
from beacon.operations.definitions.render import render as ask
from beacon.state.files import write_atomic


def render(
    context: typer.Context,
    names: Names = None,
    output: Annotated[Path | None, option("Write the files to DIR.", "--output", "-o", metavar="DIR")] = None,
    check: Annotated[bool, option("Let Podman's generator and systemd judge the files.", "--check")] = False,
    engine: Annotated[
        str | None, option("Render for another engine.", "--engine", metavar="podman|docker")
    ] = None,
    podman_version: Annotated[
        str | None, option("Render for another Podman.", "--podman-version", metavar="VERSION")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the unit files of services; changes nothing."""
    here = session(context)
    request = RenderRequest(tuple(names or ()), *_asked(engine, podman_version), judge=check)
    answer = ask(here.machine(), request, here.listener)
    if answer.judged_by:
        here.output.say(f"{answer.judged_by} the units")
    if output is not None:
        units = here.machine().units
        for name, text in answer.files.items():
            write_atomic(output / name, text.encode(), mode=units.mode_of(name, text))
        here.output.say(f"{len(answer.files)} files written to {output}")
    elif as_json:
        here.output.data(answer)
    elif not check:
        here.output.answer("\n".join(f"# {name}\n{text}" for name, text in answer.files.items()).rstrip())


def _asked(engine: str | None, version: str | None) -> tuple[Engine | None, EngineVersion | None]:
    if engine is not None and engine not in list(Engine):
        raise UsageError(f"--engine must be podman or docker, not {engine!r}")
    if engine == Engine.DOCKER and version:
        raise UsageError("--podman-version says nothing of docker", hint="leave one of the two out")
    try:
        return Engine(engine) if engine else None, EngineVersion.parse(version) if version else None
    except ValueError as error:
        raise UsageError(f"--podman-version {error}") from error
