"""beacon import: what compose files, commands and running containers describe becomes definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from beacon.cli.arguments import Json, option
from beacon.cli.outcomes import show_answer
from beacon.cli.output import Output
from beacon.cli.reporter import report
from beacon.cli.session import session
from beacon.errors import UsageError
from beacon.importing.compose.project import ComposeRequest
from beacon.operations.importing.adopt import AdoptRequest
from beacon.operations.importing.adopt import adopt as adopt_container
from beacon.operations.importing.definitions import Command, ContainerByName, ImportRequest
from beacon.operations.importing.definitions import import_ as ask
from beacon.state.definitions import require_free, write_all
from beacon.state.given import owners_files
from beacon.wire.importing import Imports

_Text = str | None
_Texts = list[str] | None
_Words = Annotated[
    _Texts, typer.Argument(metavar="[FILE] [SERVICE]...", help="A compose file, and which of its services.")
]
_Files = Annotated[
    _Texts, option("A compose file; later ones go over earlier ones.", "--file", "-f", metavar="FILE")
]
_Run = Annotated[_Text, option("A docker run or podman run command.", "--run", metavar="COMMAND")]
_Container = Annotated[_Text, option("A container that is there.", "--container", metavar="NAME")]
_Engine = Annotated[_Text, option("Whose container it is.", "--engine", metavar="podman|docker")]
_Adopt = Annotated[bool, option("Have the service take the container's place, with its data.", "--adopt")]
_Discard = Annotated[bool, option("With --adopt: let files go that are in no volume.", "--discard-layer")]
_Name = Annotated[_Text, option("The service, with --run and --container.", "--name", metavar="NAME")]
_Project = Annotated[_Text, option("The project.", "--project", metavar="NAME")]
_Profiles = Annotated[_Texts, option("Services of this profile too.", "--profile", metavar="PROFILE")]
_EnvFiles = Annotated[
    _Texts, option("Variables of the compose file, instead of .env.", "--env-file", metavar="FILE")
]
_DryRun = Annotated[bool, option("Show the definitions; write nothing.", "--dry-run")]
_Folder = Annotated[Path | None, option("Write the definitions to DIR.", "--output", "-o", metavar="DIR")]
_Overwrite = Annotated[bool, option("Write over definitions that are there.", "--overwrite")]


def import_(
    context: typer.Context,
    words: _Words = None,
    files: _Files = None,
    command: _Run = None,
    container: _Container = None,
    engine: _Engine = None,
    adopt: _Adopt = False,
    discard_layer: _Discard = False,
    name: _Name = None,
    project: _Project = None,
    profiles: _Profiles = None,
    env_files: _EnvFiles = None,
    dry_run: _DryRun = False,
    folder: _Folder = None,
    overwrite: _Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make definitions of a compose file, docker run or a container.

    A report says what could not be carried over, and why. Nothing is started: beacon apply does that.
    """
    here, named = session(context), words or []
    machine, writes = here.machine(), not dry_run and folder is None
    given, chosen = tuple(files or named[:1]), tuple(named if files else named[1:])
    options = (tuple(profiles or ()), tuple(env_files or ()), chosen, not files)
    compose = ComposeRequest(given, project, *options)
    if adopt and not (given or command or container):
        machine.require_write("import")
        here.end_adoptions()
        return
    old = ContainerByName(container or "", engine, name)
    what = _meant(compose, command, old, adopt=adopt, discards=discard_layer, writes=writes)
    source = owners_files(machine.caller.environment)
    if adopt and isinstance(what, ContainerByName):
        adopted = adopt_container(machine, AdoptRequest(what, source, discard_layer), here.listener)
        raise typer.Exit(show_answer(here.output, adopted, every=True, as_json=as_json))
    request = ImportRequest(what=what, source=source, writes=writes, overwrite=overwrite)
    answer = _written(ask(machine, request, here.listener), None if dry_run else folder, overwrite=overwrite)
    _show(here.output, answer, dry_run=dry_run, is_next=writes, as_json=as_json)


def _meant(
    compose: ComposeRequest,
    command: str | None,
    old: ContainerByName,
    *,
    adopt: bool,
    discards: bool,
    writes: bool,
) -> ComposeRequest | Command | ContainerByName:
    """Return what is to be imported. Raises UsageError for options that contradict each other."""
    if bool(compose.files) + (command is not None) + bool(old.name) != 1:
        raise UsageError(
            "say what to import: a compose file, --run or --container", hint="beacon import compose.yaml"
        )
    if (adopt or old.engine is not None) and not old.name:
        raise UsageError("--adopt and --engine need --container", hint="beacon import --container NAME")
    if adopt and not writes:
        raise UsageError("--adopt excludes --dry-run and --output")
    if discards and not adopt:
        hint = "an import alone leaves the container as it is"
        raise UsageError("--discard-layer needs --adopt", hint=hint)
    if compose.files and old.service is not None:
        raise UsageError("--name is for --run and --container", hint="services keep their names")
    return old if old.name else Command(command, old.service) if command is not None else compose


def _written(answer: Imports, folder: Path | None, *, overwrite: bool) -> Imports:
    """Write the definitions to a folder of the owner's, if one is given, and note where they are."""
    if folder is None:
        return answer
    texts = {folder / f"{definition.name}.toml": definition.text for definition in answer.definitions}
    if not overwrite:
        require_free(texts)
    return replace(answer, written=write_all(texts))


def _show(output: Output, answer: Imports, *, dry_run: bool, is_next: bool, as_json: bool) -> None:
    """Print the report, with *dry_run* the definitions before it, and what *is_next*."""
    if as_json:
        output.data(answer)
    else:
        output.notices(answer.warnings)
        for definition in answer.definitions if dry_run else ():
            output.answer(f"# {definition.name}.toml\n{definition.text}")
        for path in answer.written:
            output.say(f"wrote {path}")
        for line in report(answer.report):
            (output.say if dry_run else output.answer)(line)
    if is_next:
        names = " ".join(definition.name for definition in answer.definitions)
        output.say(f"beacon plan {names} shows what would be done, beacon apply {names} does it")
