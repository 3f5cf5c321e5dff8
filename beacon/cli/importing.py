"""beacon import: what compose files, commands and running containers describe becomes definitions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli.arguments import Json
from beacon.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from beacon.cli.host import Host
    from beacon.cli.output import Output
    from beacon.importing.compose.files import Source
    from beacon.importing.result import Definition, Imported


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    import_.__name__ = "import"  # which no function can be written as
    app.command()(import_)


def import_(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE] [SERVICE]...", help="A compose file, and which of its services."),
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", metavar="FILE", help="A compose file; later ones go over earlier ones."),
    ] = None,
    command: Annotated[
        str | None, typer.Option("--run", metavar="COMMAND", help="A docker run or podman run command.")
    ] = None,
    container: Annotated[
        str | None, typer.Option("--container", metavar="NAME", help="A container that is there.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="podman|docker", help="Whose container it is.")
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Have the service take the container's place, with its data.")
    ] = False,
    discard_layer: Annotated[
        bool,
        typer.Option("--discard-layer", help="With --adopt: let files go that are in no volume."),
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The service, with --run and --container.")
    ] = None,
    project: Annotated[str | None, typer.Option("--project", metavar="NAME", help="The project.")] = None,
    profiles: Annotated[
        list[str] | None, typer.Option("--profile", metavar="PROFILE", help="Services of this profile too.")
    ] = None,
    env_files: Annotated[
        list[str] | None,
        typer.Option("--env-file", metavar="FILE", help="Variables of the compose file, instead of .env."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the definitions; write nothing.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the definitions to DIR.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over definitions that are there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make definitions of a compose file, docker run or a container.

    A report says what could not be carried over, and why. Nothing is started: beacon apply does that.
    """
    from beacon.errors import UsageError
    from beacon.importing.compose.project import Request

    host = session(context).host()
    named = list(words or [])
    given = list(files or named[:1])
    sources = sum((bool(given), command is not None, container is not None))
    if adopt and not sources:
        host.require_write("import")
        host.end_adoptions()
        return
    _refuse_contradictions(sources, container, engine, adopt=adopt, writes=not dry_run and folder is None)
    if discard_layer and not adopt:
        raise UsageError(
            "--discard-layer needs --adopt", hint="an import alone leaves the container as it is"
        )
    writes = not dry_run and folder is None
    if writes:
        host.require_write("import")
    existing = _existing(host, required=writes)
    if container is not None:
        from beacon.cli.adoption import Asked, describe
        from beacon.cli.adoption import adopt as adopt_container

        asked = Asked(container, engine, name, discard_layer)
        if adopt:
            raise typer.Exit(adopt_container(host, asked, _source(), as_json=as_json))
        imported = describe(host, asked, _source())
    elif command is not None:
        from beacon.importing.command import import_command

        imported = import_command(command, _source(), name)
    else:
        from beacon.importing.compose.importer import import_compose

        if name is not None:
            raise UsageError("--name is for --run and --container", hint="services keep their names")
        request = Request(
            tuple(given),
            project,
            tuple(profiles or ()),
            tuple(env_files or ()),
            tuple(named if files else named[1:]),
        )
        imported = import_compose(request, _source(), existing)
    written = [] if dry_run else _write(host, imported, folder, existing, overwrite=overwrite)
    _show(host.output, imported, written, dry_run=dry_run, as_json=as_json)
    if written and folder is None:
        names = " ".join(definition.name for definition in imported.definitions)
        host.output.say(f"beacon plan {names} shows what would be done, beacon apply {names} does it")


def _refuse_contradictions(
    sources: int, container: str | None, engine: str | None, *, adopt: bool, writes: bool
) -> None:
    from beacon.errors import UsageError

    if sources != 1:
        raise UsageError(
            "say what to import: a compose file, --run or --container", hint="beacon import compose.yaml"
        )
    if (adopt or engine is not None) and container is None:
        raise UsageError("--adopt and --engine need --container", hint="beacon import --container NAME")
    if adopt and not writes:
        raise UsageError("--adopt excludes --dry-run and --output")


def _existing(host: Host, *, required: bool) -> Mapping[str, str]:
    """Return the definitions of this machine; where nothing is written there, none will do."""
    from beacon.errors import AccessError

    try:
        return host.definition_files()
    except AccessError:
        if required:
            raise
        return {}


def _source() -> Source:
    from beacon.importing.compose.files import Source

    return Source(_read, os.path.exists, dict(os.environ), str(Path.cwd()))


def _read(path: str) -> str | None:
    """Return a file's text, None where there is none; ValueError says why it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(str(reason)) from error


def _write(
    host: Host, imported: Imported, folder: Path | None, existing: Mapping[str, str], *, overwrite: bool
) -> list[Path]:
    """Write all definitions, or none: what is there already stays without *overwrite*."""
    from beacon.errors import UsageError
    from beacon.state.files import read_text, rewrite

    targets: dict[Path, Definition] = {}
    for definition in imported.definitions:
        name = f"{definition.name}.toml"
        path = host.definition_path(definition.name) if folder is None else folder / name
        targets[path] = definition
    held = [path for path, definition in targets.items() if read_text(path) not in (None, definition.text)]
    if held and not overwrite:
        there = ", ".join(str(path) for path in held)
        raise UsageError(f"nothing is written: there is {there} already", hint="--overwrite writes over it")
    if folder is None:
        _judge_together(host, imported, existing)
    else:
        folder.mkdir(parents=True, exist_ok=True)
    for path, definition in targets.items():
        rewrite(path, definition.text.encode())
    return list(targets)


def _judge_together(host: Host, imported: Imported, existing: Mapping[str, str]) -> None:
    """Raise DefinitionError where the new definitions and those of the machine contradict each other."""
    from beacon.operations.definitions.reading import read_definitions

    texts = {**existing, **{definition.name: definition.text for definition in imported.definitions}}
    read_definitions(host, [definition.name for definition in imported.definitions], texts)


def _show(output: Output, imported: Imported, written: list[Path], *, dry_run: bool, as_json: bool) -> None:
    """Print the report, and with *dry_run* the definitions before it."""
    if as_json:
        output.json(as_dict(imported, written))
        return
    if dry_run:
        for definition in imported.definitions:
            output.answer(f"# {definition.name}.toml\n{definition.text}")
    for path in written:
        output.say(f"wrote {path}")
    for line in report(imported):
        if dry_run:
            output.say(line)
        else:
            output.answer(line)


def report(imported: Imported) -> Iterator[str]:
    """Yield the lines of the report: by service, key by key."""
    held: str | None = None
    for note in imported.notes:
        if note.service != held:
            held = note.service
            yield f"{held or 'the project'}:"
        yield f"  {note.key}: {note.kind}: {note.text}"
        if note.command:
            yield f"      {note.command}"


def as_dict(imported: Imported, written: list[Path]) -> dict[str, object]:
    """Return the result as JSON has it."""
    return {
        "definitions": [
            {"name": definition.name, "text": definition.text, "origin": definition.origin}
            for definition in imported.definitions
        ],
        "written": [str(path) for path in written],
        "report": [
            {
                "service": note.service,
                "key": note.key,
                "kind": note.kind.name.lower(),
                "text": note.text,
                "command": note.command,
            }
            for note in imported.notes
        ],
    }
