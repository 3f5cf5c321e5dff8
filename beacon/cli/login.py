"""beacon login and logout: credentials of registries, where the timer finds them, also after a reboot."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli.session import session
from beacon.errors import AccessError, HostError, UsageError
from beacon.model.host import Engine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beacon.cli.host import Host

Registry = Annotated[str, typer.Argument(metavar="REGISTRY", help="Its name, such as ghcr.io.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(login)
    app.command()(logout)


def login(
    context: typer.Context,
    registry: Registry,
    username: Annotated[str | None, typer.Option("--username", "-u", help="Who logs in.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Log in to a registry, for the timer's updates too.

    The engine asks for what is not given. podman login alone would keep the login in memory until the next
    reboot, where the timer may not find it.
    """
    host = session(context).host()
    host.require_write("login")
    given = [f"--username={username}"] if username else []
    given += ["--password-stdin"] if password_stdin else []
    _engine(host, "login", *given, registry)
    if host.engine_kind is Engine.PODMAN and host.settings.auth_file is None:
        _forget(host, registry, _fleeting(host))  # they would be used in the place of the new one


def logout(context: typer.Context, registry: Registry) -> None:
    """Forget the login to a registry."""
    host = session(context).host()
    host.require_write("logout")
    if host.engine_kind is Engine.DOCKER or host.settings.auth_file is not None:
        _engine(host, "logout", registry)
    elif not _forget(host, registry, (_lasting(), *_fleeting(host))):
        raise UsageError(f"there is no login of Podman to {registry}")
    host.output.say(f"logged out of {registry}")


def _engine(host: Host, verb: str, *arguments: str) -> None:
    """Run the engine's own verb, with this terminal, on the file of credentials that lasts."""
    engine, file = host.engine_kind, host.settings.auth_file
    options: list[str] = []
    if engine is Engine.PODMAN:
        options = [f"--authfile={file or _lasting()}"]
    elif file is not None:
        raise UsageError(
            f"docker cannot {verb} with {file}, which auth_file in {host.paths.settings} names",
            hint=f"docker --config FOLDER {verb} {arguments[-1]} writes FOLDER/config.json: name that there",
        )
    try:
        done = subprocess.run([engine.value, verb, *options, *arguments], env=host.environment, check=False)
    except OSError as error:
        raise HostError(f"cannot run {engine}: {error.strerror}") from error
    if done.returncode:
        raise AccessError(f"{engine} {verb} {arguments[-1]} failed")


def _lasting() -> Path:
    return Path.home() / ".config/containers/auth.json"


def _fleeting(host: Host) -> tuple[Path, ...]:
    """Return where podman login alone writes to (containers-auth.json(5)): gone after a reboot."""
    folder = host.environment.get("XDG_RUNTIME_DIR")
    session_file = [Path(folder, "containers/auth.json")] if folder else []
    return (*session_file, Path("/run/containers", str(os.getuid()), "auth.json"))


def _forget(host: Host, registry: str, files: Iterable[Path]) -> bool:
    """Log out with each of *files*; say whether any had a login."""
    from beacon.engine.command import run

    found = False
    for file in files:
        if os.access(file, os.F_OK):
            with suppress(HostError):  # it has none
                run(["podman", "logout", f"--authfile={file}", registry], host.environment)
                found = True
    return found
