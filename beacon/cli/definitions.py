"""beacon add, rm, edit, show and schema: the definitions."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli.arguments import Json, Name, NamesOrAll
from beacon.cli.arguments import complete_service as _complete
from beacon.cli.session import session

if TYPE_CHECKING:
    from beacon.cli.host import Host


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(add)
    app.command()(rm)
    app.command()(edit)
    app.command()(show)
    app.command()(schema)


def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service's name.")],
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="What to run, with its registry and tag.")],
    ports: Annotated[
        list[str] | None,
        typer.Option(
            "--port", "-p", metavar="[IP:]HOST:CONTAINER[/udp]", help="Publish a port of the container."
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="KEY=VALUE", help="Set a variable in the container."),
    ] = None,
    volumes: Annotated[
        list[str] | None,
        typer.Option(
            "--volume", "-v", metavar="NAME|/HOST:PATH[:ro]", help="Keep data, or mount a host folder."
        ),
    ] = None,
    domains: Annotated[
        list[str] | None,
        typer.Option(
            "--domain",
            metavar="DOMAIN[:http[=PORT]][:https[=PORT]]",
            help="A domain that the service answers, at a port of the container; auto chooses one.",
        ),
    ] = None,
    no_start: Annotated[
        bool, typer.Option("--no-start", help="Install the service without starting it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Define a service and start it.

    Its image is pulled, and the command waits until the service is healthy. The definition is a
    file that beacon edit opens; from now on the image's tag is followed.
    """
    from beacon.cli.outcomes import show as show_outcomes
    from beacon.cli.workflow import add_service

    host = session(context).host()
    host.require_write("add")
    outcomes = add_service(
        host,
        name,
        image,
        ports=ports or [],
        env=env or [],
        volumes=volumes or [],
        domains=domains or [],
        start=not no_start,
    )
    chosen = host.store.load(name).domain
    if chosen:
        host.output.say(f"{name} has the domain {chosen}")
    raise typer.Exit(show_outcomes(host.output, outcomes, every=True, as_json=as_json))


def rm(
    context: typer.Context,
    names: NamesOrAll = None,
    every: Annotated[bool, typer.Option("--all", help="Remove all services.")] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Delete the service's volumes and their data too.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before all services or data are removed.")
    ] = False,
) -> None:
    """Stop and remove services; their data stays without --purge, and their definitions are kept."""
    from beacon.cli.outcomes import show as show_outcomes
    from beacon.cli.removal import remove_services
    from beacon.errors import UsageError

    host = session(context).host()
    host.require_write("rm")
    if bool(names) == every:
        raise UsageError("say which services to remove, or --all", hint="beacon rm NAME")
    host.end_adoptions()
    chosen = host.select(names)
    if purge and not yes:
        _confirm(f"Delete {', '.join(chosen)} with all data?")
    elif every and chosen and not yes and os.isatty(0):
        typer.confirm(f"Remove {', '.join(chosen)}? Their data stays.", abort=True, err=True)
    raise typer.Exit(
        show_outcomes(host.output, remove_services(host, chosen, purge=purge), every=True, as_json=False)
    )


def edit(
    context: typer.Context,
    name: Name,
    apply: Annotated[bool, typer.Option("--apply", help="Apply the change when it is in order.")] = False,
) -> None:
    """Edit a definition; it is saved only when it is in order.

    The editor is $VISUAL or $EDITOR, else Debian's sensible-editor.
    """
    from beacon.cli.outcomes import show as show_outcomes
    from beacon.cli.workflow import apply_services
    from beacon.errors import NoSuchServiceError

    host = session(context).host()
    host.require_write("edit")
    (chosen,) = host.select([name])
    path = host.definition_path(chosen)
    old = host.definition_files().get(chosen)
    if old is None:
        host.require_readable([chosen])
        raise NoSuchServiceError(f"there is no definition {path}", hint=f"beacon add {chosen} IMAGE")
    new = _edited(host, chosen, old)
    if new == old:
        host.output.say("nothing has changed")
        return
    from beacon.state.files import rewrite

    rewrite(path, new.encode())
    if apply:
        raise typer.Exit(
            show_outcomes(host.output, apply_services(host, [chosen]), every=True, as_json=False)
        )
    host.output.say(f"saved {path}; beacon apply {chosen} makes it so")


def show(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The service.", autocompletion=_complete)
    ] = None,
    effective: Annotated[
        bool, typer.Option("--effective", help="With what the image adds, and where each value comes from.")
    ] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Show a definition with every key there is.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a definition."""
    from beacon.errors import NoSuchServiceError, UsageError

    if example:
        from beacon.definition.example import example as text

        session(context).output.answer(text().rstrip())
        return
    if name is None:
        raise UsageError("say which service to show", hint="beacon show NAME, or beacon show --example")
    host = session(context).host()
    (chosen,) = host.select([name])
    if effective:
        _show_effective(host, chosen, as_json=as_json)
        return
    definition = host.definition_files().get(chosen)
    if definition is None:
        host.require_readable([chosen])
        raise NoSuchServiceError(f"{chosen} has no definition any more", hint=f"beacon rm {chosen}")
    if as_json:
        host.output.json({"name": chosen, "file": str(host.definition_path(chosen)), "text": definition})
    else:
        host.output.answer(definition.rstrip())


def schema(context: typer.Context) -> None:
    """Print the JSON Schema of a definition, for editors."""
    import json

    from beacon.definition.decode import json_schema

    session(context).output.answer(json.dumps(json_schema(), indent=2))


def _show_effective(host: Host, name: str, *, as_json: bool) -> None:
    from msgspec.structs import replace

    from beacon.cli.workflow import intended
    from beacon.definition.effective import describe
    from beacon.definition.effective import effective as fill_in
    from beacon.definition.naming import with_domain

    release = intended(host, name)
    filled = fill_in(release.service, release.image)
    filled = replace(filled, service=with_domain(filled.service, release.domain))
    rows = describe(filled)
    if as_json:
        values = [{"key": key, "value": value, "source": source} for key, value, source in rows]
        host.output.json({"name": name, "values": values, "notes": list(filled.notes)})
        return
    host.output.table(("KEY", "VALUE", "FROM"), rows)
    for note in filled.notes:
        host.output.warn(note)


def _edited(host: Host, name: str, old: str) -> str:
    """Return the text that the owner leaves in the editor, once it is in order."""
    from beacon.cli.workflow import decode_with
    from beacon.errors import DefinitionError, HostError

    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "sensible-editor"
    with tempfile.TemporaryDirectory(prefix="beacon-") as folder:
        draft = Path(folder) / f"{name}.toml"
        draft.write_text(old, encoding="utf-8")
        while True:
            try:
                status = subprocess.run([*shlex.split(command), str(draft)], check=False).returncode
            except (OSError, ValueError) as error:
                problem = f"cannot run the editor {command!r}: {getattr(error, 'strerror', None) or error}"
                raise HostError(problem, hint=_SET_EDITOR) from error
            if status:
                problem = f"the editor {command!r} ended with status {status}; nothing was saved"
                raise HostError(problem, hint=_SET_EDITOR)
            try:
                new = _saved(draft, host.definition_path(name))
                decode_with(host, name, new)
            except DefinitionError as error:
                if not os.isatty(0):
                    raise DefinitionError(error.faults, hint="nothing was saved") from error
                host.output.error(error)
                if not typer.confirm("Edit again?", default=True, err=True):
                    return old
            else:
                return new


def _saved(draft: Path, path: Path) -> str:
    from beacon.errors import DefinitionError, Fault

    try:
        return draft.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DefinitionError(
            [Fault(str(path), "", "must be UTF-8; the editor saved something else")]
        ) from None


_SET_EDITOR = "EDITOR=nano beacon edit NAME chooses another"


def _confirm(question: str) -> None:
    from beacon.errors import UsageError

    if not os.isatty(0):
        raise UsageError("nobody is there to ask whether data may be deleted", hint="add --yes")
    typer.confirm(question, abort=True, err=True)
