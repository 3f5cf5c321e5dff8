"""A manifest of what an image says about itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from beacon.catalog.drafts.sketch import (
    SECRET,
    Draft,
    Sketch,
    Table,
    checked,
    literal,
    one_line,
    port_number,
    port_option,
    surrounding,
)
from beacon.model.image import ImageConfig, ImageHealth

_LABELS = "org.opencontainers.image."
_LINKS = {"website": "url", "source": "source", "docs": "documentation"}
_PAGES = (80, 8080, 3000, 8000, 5000, 8888, 9000, 443, 8443)
"""Ports at which pages are, the likely ones first."""
_TLS = {443, 8443}
_URL = re.compile(r"https?://\S+")
_NOT_MEANT = re.compile(r"PATH|HOME|LANG|LC_.*|SHELL|TERM|.*_(VERSION|SHA256|SHA512)|PYTHON.*|GPG_KEY|S6_.*")
"""Variables that are the image's own business."""


class ImageFacts(Struct, frozen=True):
    """What a registry says of an image; *reference* is how the manifest is to name it."""

    reference: str
    version: str
    config: ImageConfig
    architectures: tuple[str, ...] = ()


def from_image(name: str, image: ImageFacts, notes: Sequence[str] = ()) -> Draft:
    """Return a manifest for the app *name* of one *image*."""
    sketch, config = Sketch(name, notes=list(notes)), image.config
    service: Table = {"image": image.reference}
    sketch.services["main"] = service
    _tell(sketch, image.version, config)
    if image.architectures:
        sketch.requires["arch"] = list(image.architectures)
    ports = _ports(config.exposed_ports)
    _publish(sketch, service, ports)
    _set(sketch, service, config)
    if config.volumes:
        service["volume"] = [{"name": _volume_name(path), "path": path} for path in _distinct(config.volumes)]
    if config.user and config.user.partition(":")[0] not in {"root", "0"}:
        user = one_line(config.user)
        sketch.note(f"service.main.user: the image runs as {user}, if you do not say another")
    command = _command(config.health)
    if command:
        service["health"] = {"command": literal(command)}
    checked(sketch, "main", service, (number for number, protocol in ports if protocol == "tcp"))
    return sketch.draft()


def _tell(sketch: Sketch, version: str, config: ImageConfig) -> None:
    """Take what labels say of the app."""
    said = {
        key: one_line(config.labels.get(f"{_LABELS}{key}", ""))
        for key in ("title", "description", "licenses")
    }
    sketch.app["version"] = one_line(version)
    for key, label in (("name", "title"), ("summary", "description"), ("license", "licenses")):
        if said[label]:
            sketch.app[key] = said[label]
    links = {key: config.labels.get(f"{_LABELS}{label}", "") for key, label in _LINKS.items()}
    links = {key: link for key, link in links.items() if _URL.fullmatch(link)}
    if links:
        sketch.app["links"] = links


def _ports(exposed: Sequence[str]) -> list[tuple[int, str]]:
    """Return the ports, the likeliest one for a page first."""
    found = []
    for written in exposed:
        text, _, protocol = written.partition("/")
        number = port_number(text)
        if number is not None and protocol in {"", "tcp", "udp"}:
            found.append((number, protocol or "tcp"))
    return sorted(
        found, key=lambda one: (one[1] != "tcp", _PAGES.index(one[0]) if one[0] in _PAGES else 99, one)
    )


def _publish(sketch: Sketch, service: Table, ports: Sequence[tuple[int, str]]) -> None:
    """Take the first port for that of a page, and offer the others."""
    rest = list(ports)
    if ports and ports[0][1] == "tcp":
        page, _ = rest.pop(0)
        sketch.web = {"port": page, **({"scheme": "https"} if page in _TLS else {})}
        if rest or page not in _PAGES:
            sketch.note(f"web.port: {page} is taken for the port of its page")
    published = [port_option(sketch, number, protocol, None) for number, protocol in rest]
    if published:
        service["port"] = published


def _set(sketch: Sketch, service: Table, config: ImageConfig) -> None:
    """Fill in what the machine knows, and make secrets; the image's own values are there for the rest."""
    env = {name: value for name in config.env if (value := surrounding(name)) is not None}
    secrets = []
    others = []
    for name in config.env:
        if SECRET.search(name) and not _NOT_MEANT.fullmatch(name):
            option = sketch.secret(name, name.replace("_", " ").capitalize())
            secrets.append({"name": f"{{{{ secret.{option} }}}}", "env": name})
        elif name not in env and not _NOT_MEANT.fullmatch(name):
            others.append(name)
    if others:
        sketch.note(
            f"service.main.env: the image has values for {', '.join(others)}; what you say goes before them"
        )
    if secrets:
        service["secret"] = secrets
    if env:
        service["env"] = env


def _volume_name(path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")[-40:].strip("-") or "data"


def _distinct(paths: Sequence[str]) -> list[str]:
    """Return those of *paths* that have a name of their own, and are absolute."""
    named = {_volume_name(path): path for path in paths if path.startswith("/") and path != "/"}
    return sorted(named.values())


def _command(health: ImageHealth | None) -> str | list[str] | None:
    match health.test if health is not None else ():
        case ("CMD-SHELL", line):
            return line
        case ("CMD", *words) if words:
            return list(words)
        case _:
            return None
