"""The command line as a whole: its verbs, the options that all of them share, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from beacon import __version__, streams
from beacon.cli.ending import told
from beacon.cli.output import Output
from beacon.cli.session import Session, chosen_scope

if TYPE_CHECKING:
    from typer.models import CommandInfo

_VERBS = {
    "add": ("add",),
    "rm": ("rm",),
    "edit": ("edit",),
    "show": ("show", "schema"),
    "importing": ("import",),
    "render": ("render",),
    "plan": ("plan",),
    "apply": ("apply",),
    "status": ("status",),
    "logs": ("logs",),
    "history": ("history",),
    "control": ("start", "stop", "restart"),
    "hold": ("hold", "unhold", "approve"),
    "updates": ("update", "rollback"),
    "volumes": ("adopt-volumes",),
    "login": ("login", "logout"),
    "endpoint.list": ("endpoint list",),
    "endpoint.name": ("endpoint name",),
    "endpoint.setup": ("endpoint setup", "endpoint trust"),
    "endpoint.check": ("endpoint check",),
    "endpoint.open": ("endpoint open",),
    "endpoint.publish": ("endpoint publish",),
    "doctor": ("doctor",),
    "wait_healthy": ("wait-healthy",),
}
"""The modules of verbs, in the order of the help, each with its verbs."""
_GROUPS = {"endpoint": "The domains of services, and where each is reached."}
"""The groups of verbs, and what their help says."""


def command_line(called: Sequence[str] = ()) -> typer.Typer:
    """Return the command line with all verbs; if the words *called* begin with one, with that verb alone.

    The modules of the others take 30 ms to load, and typer another 15 ms to make parsers of them.
    """
    app = typer.Typer(
        name="beacon",
        help="Push an image, and every machine you own runs it; a bad image never takes it down.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="The manual is beacon(1); definitions are described in beacon.toml(5).",
    )
    app.callback()(options)
    verb = next((verb for verbs in _VERBS.values() for verb in verbs if _begins(called, verb)), None)
    groups: dict[str, typer.Typer] = {}
    for module, verbs in _VERBS.items():
        if verb is None or verb in verbs:
            group = verbs[0].rpartition(" ")[0]
            import_module(f"beacon.cli.{module}").register(_group(app, group, groups) if group else app)
    if verb:
        for one in (app, *groups.values()):
            one.registered_commands = [
                command for command in one.registered_commands if verb.split()[-1] in _names(command)
            ]
    return app


def _begins(words: Sequence[str], verb: str) -> bool:
    return list(words[: len(verb.split())]) == verb.split()


def _group(app: typer.Typer, name: str, groups: dict[str, typer.Typer]) -> typer.Typer:
    """Return a group of verbs, made when the first of its modules asks for it."""
    if name not in groups:
        groups[name] = typer.Typer(help=_GROUPS[name], no_args_is_help=True, rich_markup_mode=None)
        app.add_typer(groups[name], name=name)
    return groups[name]


def _names(command: CommandInfo) -> tuple[str | None, str]:
    return command.name, command.callback.__name__ if command.callback else ""


_ANYWHERE = {"--user", "--system", "-q", "--quiet", "--no-color"}
"""Options of the whole command, which people put behind the verb as well, as with systemctl."""

_OTHER_USER = "--user="


def options(
    context: typer.Context,
    user: Annotated[
        bool,
        typer.Option(
            "--user",
            help="Services of the calling user; root may say whose: --user=NAME. Default unless root.",
        ),
    ] = False,
    system: Annotated[
        bool, typer.Option("--system", help="Services of the machine. Default for root.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Never colour the output.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Push an image, and every machine you own runs it; a bad image never takes it down."""
    if version:
        streams.answer(f"beacon {__version__}\n")
        raise typer.Exit
    if user and system:
        raise typer.BadParameter("--user and --system exclude each other")
    context.obj = Session(chosen_scope(user, system), Output(quiet=quiet, colour=not no_color))


def run() -> None:
    """Run the command line of this process, and exit with its status."""
    with told(Output()):
        arguments = hoist(sys.argv[1:])
        for word in arguments:
            if word.startswith(_OTHER_USER):
                from beacon.cli.user import become

                become(word.removeprefix(_OTHER_USER), [other for other in arguments if other != word])
        called = [word for word in arguments if not word.startswith("-")]
        command_line(called)(args=arguments, prog_name="beacon")


def hoist(arguments: list[str]) -> list[str]:
    """Return *arguments* with the options of the whole command in front of the verb."""
    head, tail = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        head, tail = arguments[:cut], arguments[cut:]
    front = [word for word in head if _is_anywhere(word)]
    return front + [word for word in head if not _is_anywhere(word)] + tail


def _is_anywhere(word: str) -> bool:
    return word in _ANYWHERE or word.startswith(_OTHER_USER)
