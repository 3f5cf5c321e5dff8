"""beacon secret list, set, rotate, import and rm: what only containers are to know."""

from __future__ import annotations

import getpass
import os
import secrets
import string
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from beacon.cli.arguments import Json, option
from beacon.cli.outcomes import show_answer
from beacon.cli.session import session
from beacon.errors import ExitStatus, UsageError
from beacon.importing.compose.reading.dotenv import parse_env
from beacon.model.notice import plural
from beacon.model.sensitive import LARGEST
from beacon.operations.definitions import secrets as operations
from beacon.operations.definitions.secrets import KeepRequest, RemoveSecretRequest
from beacon.state.files import explained
from beacon.wire.definition import SecretInfo
from beacon.wire.outcome import Outcomes

_HEADINGS = ("SECRET", "VERSION", "SERVICES")
_LETTERS = string.ascii_letters + string.digits
_LENGTH = 32
_SHORTEST = 8

Secret = Annotated[str, typer.Argument(metavar="SECRET", help="Its name.")]
Excess = Annotated[list[str] | None, typer.Argument(hidden=True)]
Apply = Annotated[bool, option("Give it to the services that use it, now.", "--apply")]
Length = Annotated[int, option("How long a value is that is made.", "--length", metavar="N")]


def list_(context: typer.Context, as_json: Json = False) -> None:
    """Show the secrets, and who uses each; never a value."""
    here = session(context)
    answer = operations.list_secrets(here.machine(), here.listener)
    if as_json:
        here.output.data(answer)
    elif answer.secrets:
        here.output.table(_HEADINGS, [tuple(_row(one)) for one in answer.secrets])
    else:
        here.output.say("there are no secrets; beacon secret set NAME keeps one")


def set_(
    context: typer.Context,
    name: Secret,
    excess: Excess = None,
    generate: Annotated[bool, option("Make a value of random letters and digits.", "--generate")] = False,
    length: Length = _LENGTH,
    apply: Apply = False,
) -> None:
    """Keep a value, typed without being shown, or read from standard input.

    Services that use it go on with the value that they have until they are applied.
    """
    _refuse_values(name, excess)
    session(context).machine().require_write("secret set")
    value = _random(length) if generate else _read(name)
    _keep(context, {name: value}, apply=apply)


def rotate(
    context: typer.Context,
    name: Secret,
    excess: Excess = None,
    stdin: Annotated[bool, option("Read the value instead of making one.", "--stdin")] = False,
    length: Length = _LENGTH,
) -> None:
    """Keep a new random value, and give it to the services that use it.

    A service that does not get healthy with it goes back to the value before.
    """
    _refuse_values(name, excess)
    session(context).machine().require_write("secret rotate")
    _keep(context, {name: _read(name) if stdin else _random(length)}, apply=True)


def import_(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Lines of NAME=VALUE, such as .env; - reads them.")
    ],
    apply: Apply = False,
) -> None:
    """Keep each variable of a file as a secret of its name."""
    path = Path("/dev/stdin" if file == "-" else file)
    text = explained("read", path, lambda: path.read_text(encoding="utf-8"))
    try:
        found = parse_env(text, {})
    except ValueError as error:
        what = str(error).partition(":")[0]  # the rest may quote a value
        raise UsageError(f"cannot read {file}: {what}") from None
    if not found:
        raise UsageError(f"{file} has no line NAME=VALUE")
    _keep(context, {name: value.encode() for name, value in found.items()}, apply=apply)


def rm(context: typer.Context, name: Secret) -> None:
    """Remove a secret that no service uses."""
    here = session(context)
    operations.remove(here.machine(), RemoveSecretRequest(name), here.listener)
    here.output.say(f"the secret {name} is removed")


def _keep(context: typer.Context, values: Mapping[str, bytes], *, apply: bool) -> None:
    here = session(context)
    answer = operations.keep(here.machine(), KeepRequest(values, apply), here.listener)
    for one in answer.kept:
        here.output.say(_told(one, is_new=one.name not in answer.unchanged))
    behind = tuple(dict.fromkeys(service for one in answer.kept for service in one.behind))
    status = ExitStatus.OK
    if answer.outcomes:
        done = Outcomes(services=answer.outcomes, warnings=answer.warnings)
        status = show_answer(here.output, done, every=True)
    elif behind:
        here.output.say(f"beacon apply {' '.join(behind)} gives it to {plural(len(behind), 'service')}")
    raise typer.Exit(status)


def _told(one: SecretInfo, *, is_new: bool) -> str:
    used = f"used by {', '.join(one.services)}" if one.services else "no service uses it yet"
    return (
        f"{one.name} is kept as version {one.version}; {used}"
        if is_new
        else f"{one.name} is what it was; {used}"
    )


def _row(one: SecretInfo) -> Iterator[str]:
    yield one.name
    yield str(one.version) if one.version is not None else "yellow|not kept by Beacon"
    behind = dict.fromkeys(one.behind, " (an older version)")
    yield ", ".join(f"{name}{behind.get(name, '')}" for name in one.services) or "unused"


def _refuse_values(name: str, excess: list[str] | None) -> None:
    """Refuse a value among the words, without repeating it: everybody sees the words of a process."""
    if excess:
        raise UsageError(
            "a value is not given as a word: the list of processes and the shell's history would show it",
            hint=f"printf %s VALUE | beacon secret set {name}, or type it when you are asked",
        )


def _read(name: str) -> bytes:
    """Return a value: typed twice at a terminal, or all of standard input.

    The line break that ends a single line is none of it: echo, editors and files add one.
    """
    if os.isatty(0):
        value = getpass.getpass(f"{name}: ")
        if value != getpass.getpass(f"{name}, once more: "):
            raise UsageError("the two values differ; nothing is kept")
        return value.encode()
    read = sys.stdin.buffer.read(LARGEST + 2)
    line, _, rest = read.partition(b"\n")
    return read if rest else line.removesuffix(b"\r")


def _random(length: int) -> bytes:
    if not _SHORTEST <= length <= LARGEST:
        raise UsageError(f"--length is from {_SHORTEST} to {LARGEST:,}")
    return "".join(secrets.choice(_LETTERS) for _ in range(length)).encode()
