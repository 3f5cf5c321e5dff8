"""beacon endpoint open: the URL of an endpoint, and a browser that shows it where there is one."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer

from beacon.cli.arguments import complete_service
from beacon.cli.session import session
from beacon.operations.endpoints.address import UrlRequest, find_url


def register(group: typer.Typer) -> None:
    """Add the verb of this module."""
    group.command(name="open")(open_endpoint)


def open_endpoint(
    context: typer.Context,
    domain: Annotated[
        str,
        typer.Argument(
            metavar="DOMAIN", help="A domain, or a service by name.", autocompletion=complete_service
        ),
    ],
) -> None:
    """Print the URL of a service, and show it in a browser where there is one to show it.

    That is the command in BROWSER, or what the graphical session opens such things with.
    """
    here = session(context)
    answer = find_url(here.machine(), UrlRequest(domain), here.listener)
    here.output.notices(answer.warnings)
    here.output.answer(answer.url)
    if answer.url.startswith("http"):
        _show(answer.url)


def browsers(environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the commands that may show a URL, ``%s`` in its place; none where nobody could see it."""
    for command in filter(None, environment.get("BROWSER", "").split(":")):
        try:
            words = shlex.split(command)
        except ValueError:
            continue
        if words:
            yield words if any("%s" in word for word in words) else [*words, "%s"]
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        yield ["xdg-open", "%s"]


def _show(url: str) -> None:
    """Show a URL with the first browser that can; having none is no fault: it was printed.

    With sudo the browser is that of the person who called it, and never root's.
    """
    person, environment = _caller(), dict(os.environ)
    if person is not None:
        home = {"HOME": person.pw_dir, "USER": person.pw_name}
        environment |= {**home, "XDG_RUNTIME_DIR": f"/run/user/{person.pw_uid}"}
    for words in browsers(environment):
        if shutil.which(words[0]) is None:
            continue
        try:
            done = subprocess.run(
                [word.replace("%s", url) for word in words],
                env=environment,
                check=False,
                user=None if person is None else person.pw_uid,
                group=None if person is None else person.pw_gid,
                extra_groups=None if person is None else [],
            )
        except (OSError, subprocess.SubprocessError):
            continue
        if done.returncode == 0:
            return


def _caller() -> pwd.struct_passwd | None:
    """Return the person that calls root's command by sudo."""
    uid = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not uid.isdecimal() or uid == "0":
        return None
    try:
        return pwd.getpwuid(int(uid))
    except KeyError:
        return None
