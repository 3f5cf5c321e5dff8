"""The command line as a whole: its verbs, the options that all of them share, and how it ends."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from beacon import __version__, streams
from beacon.cli.arguments import option
from beacon.cli.ending import INTERRUPTED, exiting_on_error
from beacon.cli.output import Output
from beacon.cli.reporter import MakeDisplay
from beacon.cli.session import Session, chosen_scope
from beacon.cli.voice import in_one_voice
from beacon.errors import UsageError
from beacon.systemd.user import become
from beacon.words import OTHER_USER, hoist, other_user, require_verb

_VERBS = {
    "definitions.add": ("add",),
    "definitions.rm": ("rm",),
    "definitions.edit": ("new", "edit"),
    "definitions.show": ("show", "schema"),
    "definitions.importing": ("import",),
    "definitions.render": ("render",),
    "definitions.plan": ("plan",),
    "definitions.apply": ("apply",),
    "services.status": ("status",),
    "services.logs": ("logs",),
    "services.stats": ("stats",),
    "services.exec": ("exec",),
    "services.history": ("history",),
    "services.control": ("start", "stop", "restart"),
    "services.hold": ("hold", "unhold", "approve", "reject"),
    "services.updates": ("update", "rollback"),
    "definitions.volumes": ("adopt-volumes",),
    "machine.prune": ("prune",),
    "machine.login": ("login", "logout"),
    "machine.secrets": ("secret list", "secret set", "secret rotate", "secret import", "secret rm"),
    "endpoint.list": ("endpoint list",),
    "endpoint.name": ("endpoint name",),
    "endpoint.setup": ("endpoint setup", "endpoint trust"),
    "endpoint.check": ("endpoint check",),
    "endpoint.open": ("endpoint open",),
    "endpoint.publish": ("endpoint publish",),
    "apps.listing": ("app list", "app search"),
    "apps.catalog": ("app status", "app info", "app lint", "app schema"),
    "apps.drafting": ("app new", "app import-bcd"),
    "apps.sources": ("app source",),
    "apps.installing": ("app install", "app set", "app update", "app remove"),
    "apps.following": ("app follow",),
    "apps.running": ("app start", "app stop", "app restart", "app open"),
    "apps.acting": ("app do",),
    "machine.notify": ("notify list", "notify test", "notify send"),
    "machine.doctor": ("doctor",),
    "services.wait_healthy": ("wait-healthy",),
}
"""The modules of verbs, in the order of the help, each with its verbs."""
_EVERY = tuple(verb for verbs in _VERBS.values() for verb in verbs)
_HIDDEN = {"wait-healthy", "app follow"}
"""Verbs that are for units, and not for people."""
_SETTINGS = {
    "exec": {"allow_interspersed_args": False},
    "app do": {"ignore_unknown_options": True},
}
"""Verbs that hand on what follows, options too."""
_GROUPS = {
    "endpoint": "The domains of services, and where each is reached.",
    "app": "Apps of the catalog, each installed by one command.",
    "secret": "What only containers are to know: passwords, tokens, keys.",
    "notify": "Who is told of what happens.",
}
"""The groups of verbs, and what their help says."""


def command_line(called: Sequence[str] | None = None) -> typer.Typer:
    """Return the command line with all verbs; if the words *called* begin with one, with that verb alone.

    Without such a one there is only help to be shown: the modules of all verbs would take a second to load.
    """
    app = typer.Typer(
        name="beacon",
        help="Push an image, and every machine you own runs it; a bad image never takes it down.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="The manual is beacon(1); definitions are described in beacon.toml(5).",
    )
    app.callback()(options)
    verb = next((verb for verb in _EVERY if _begins(called or (), verb)), None)
    add = register if verb or called is None else outline
    groups: dict[str, typer.Typer] = {}
    for module, verbs in _VERBS.items():
        if verb is None or verb in verbs:
            group = verbs[0].rpartition(" ")[0]
            add(_group(app, group, groups) if group else app, module, [verb] if verb else verbs)
    return app


def register(app: typer.Typer, module: str, verbs: Iterable[str]) -> None:
    """Add *verbs* of a module of beacon.cli: its functions that are called as they are (``import_``)."""
    loaded = import_module(f"beacon.cli.{module}")
    for verb in verbs:
        word = verb.split()[-1]
        function = getattr(loaded, word.replace("-", "_"), None) or getattr(loaded, f"{word}_")
        app.command(word, hidden=verb in _HIDDEN, context_settings=_SETTINGS.get(verb))(function)


def outline(app: typer.Typer, module: str, verbs: Iterable[str]) -> None:
    """Add as much of the verbs of a module as help shows of them, without loading it."""
    source = Path(__file__).parent.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    found = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    for verb in verbs:
        word = verb.split()[-1]
        function = found.get(word.replace("-", "_")) or found[f"{word}_"]
        app.command(word, help=ast.get_docstring(function), hidden=verb in _HIDDEN)(lambda: None)


def _begins(words: Sequence[str], verb: str) -> bool:
    return list(words[: len(verb.split())]) == verb.split()


def _group(app: typer.Typer, name: str, groups: dict[str, typer.Typer]) -> typer.Typer:
    """Return a group of verbs, made when the first of its modules asks for it."""
    if name not in groups:
        groups[name] = typer.Typer(help=_GROUPS[name], rich_markup_mode=None)
        app.add_typer(groups[name], name=name)
    return groups[name]


def options(
    context: typer.Context,
    user: Annotated[
        bool,
        option(
            "Services of the calling user; root may say whose: --user=NAME. Default unless root.", "--user"
        ),
    ] = False,
    system: Annotated[bool, option("Services of the machine. Default for root.", "--system")] = False,
    quiet: Annotated[bool, option("Say nothing but errors.", "--quiet", "-q")] = False,
    no_color: Annotated[bool, option("Never colour the output.", "--no-color")] = False,
    version: Annotated[bool, option("Show the version and exit.", "--version")] = False,
) -> None:
    """Push an image, and every machine you own runs it; a bad image never takes it down."""
    if version:
        streams.answer(f"beacon {__version__}\n")
        raise typer.Exit
    if user and system:
        raise UsageError("--user and --system exclude each other")
    output = Output(quiet=quiet, colour=not no_color)
    here = context.obj = Session(chosen_scope(user, system), output, context.obj)
    here.interruption.catch(output.say)


def run(display: MakeDisplay) -> None:
    """Run the command line of this process, which has *display* show pulls, and exit with its status."""
    with exiting_on_error(Output()):
        arguments = hoist(sys.argv[1:])
        user = other_user(arguments)
        if user is not None:
            word = f"{OTHER_USER}{user}"
            become(user, [other for other in arguments if other != word], os.environ)
        require_verb(arguments, _EVERY)
        called = [word for word in arguments if not word.startswith("-")]
        if (not called and "--version" not in arguments) or called in ([one] for one in _GROUPS):
            arguments.append("--help")
        with in_one_voice():
            status = command_line(called)(arguments, "beacon", standalone_mode=False, obj=display)
        if status == INTERRUPTED:  # of a KeyboardInterrupt the parser makes that
            raise KeyboardInterrupt
        sys.exit(status)
