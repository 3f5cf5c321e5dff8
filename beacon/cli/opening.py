"""beacon endpoint open: the URL of an endpoint, and a browser that shows it where there is one."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli.arguments import complete_service
from beacon.cli.session import session
from beacon.errors import UsageError

if TYPE_CHECKING:
    from beacon.doctor.chain import Managed
    from beacon.endpoints.routes import Route


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
    from beacon.cli.checking import choose, managed
    from beacon.cli.endpoints import running
    from beacon.endpoints.routes import routes

    host = session(context).host()
    here = running(host)
    # A service is most itself at the top of a domain, by a proxy.
    chosen = min(choose(host, routes(here), [domain]), key=lambda one: _rank(one[0]))
    (proxy,) = managed(host, here, [chosen[0]])
    url = url_of(*chosen, proxy)
    host.output.answer(url)
    if url.startswith("http"):
        _show(url)


def _rank(route: Route) -> tuple[bool, bool, int]:
    from beacon.definition.handover import is_web

    endpoint = route.endpoint
    return not is_web(endpoint), endpoint.domain.startswith("*."), len(endpoint.path)


def url_of(route: Route, domain: str, proxy: Managed) -> str:
    """Return where an endpoint is reached: by its domain, or without Beacon's proxy at its port."""
    from msgspec.structs import replace

    from beacon.definition.endpoints import claim_text
    from beacon.definition.handover import is_web
    from beacon.endpoints.caddyfile import url
    from beacon.endpoints.routes import Place
    from beacon.model.service import Scheme

    endpoint, place = route.endpoint, route.place
    if is_web(endpoint) and proxy.there and not proxy.left_out:
        return url(replace(endpoint, domain=domain))
    if place is None:
        problem = route.problem or proxy.left_out or "no proxy of Beacon's is set up"
        mend = route.mend or proxy.mend or "sudo beacon endpoint setup"
        raise UsageError(f"{claim_text(endpoint)} has no URL: {problem}", hint=mend)
    if not is_web(endpoint):
        return f"{endpoint.scheme}://{endpoint.domain}:{place.port}"
    scheme = "https" if endpoint.scheme is Scheme.HTTPS else "http"
    return f"{scheme}://{Place(place.address or '127.0.0.1', place.port)}{endpoint.path}"


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
