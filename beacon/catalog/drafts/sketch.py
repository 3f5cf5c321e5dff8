"""A manifest while it is being put together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from beacon.definition.encode import as_toml
from beacon.definition.tables.answers import OPTION_NAME

Table = dict[str, Any]
SECRET = re.compile(r"PASS(WORD|WD|PHRASE)?($|_)|SECRET|TOKEN|(^|_)(API|PRIVATE|ENCRYPTION|APP|ACCESS)_?KEY")
"""Variables of which the value is nobody else's business."""
_SURROUNDINGS = {"TZ": "timezone", "PUID": "uid", "PGID": "gid"}
_TEMPLATE = re.compile(r"\{[{%#]")
_LONGEST_SUMMARY = 120
_UNKNOWN_LICENSE = "LicenseRef-unknown"
_LAST_RESORT = "kill -0 1"


class Draft(Struct, frozen=True):
    """The text of a manifest, and what its owner should look at."""

    text: str
    notes: tuple[str, ...]


@dataclass(slots=True)
class Sketch:
    """What is known of an app so far."""

    name: str
    app: Table = field(default_factory=dict)
    requires: Table = field(default_factory=dict)
    web: Table = field(default_factory=dict)
    options: dict[str, Table] = field(default_factory=dict)
    services: dict[str, Table] = field(default_factory=dict)
    result: Table = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def option(self, wanted: str, **said: object) -> str:
        """Add an option, and return its name: *wanted*, or what is like it if that is taken."""
        plain = re.sub(r"[^a-z0-9]+", "_", wanted.lower()).strip("_")[:36]
        if not re.fullmatch(OPTION_NAME, plain) or plain in {"port", "domain"}:
            plain = f"the_{plain}".rstrip("_")
        name = next(
            one
            for one in (plain, *(f"{plain}_{number}" for number in range(2, 999)))
            if one not in self.options
        )
        self.options[name] = {
            "name": name,
            **{key: value for key, value in said.items() if value is not None},
        }
        return name

    def secret(self, wanted: str, label: str) -> str:
        """Add a secret, and return its name."""
        return self.option(wanted, type="secret", label=label)

    def note(self, text: str) -> None:
        """Remember what the owner should look at."""
        if text not in self.notes:
            self.notes.append(text)

    def draft(self) -> Draft:
        """Return the manifest."""
        title = self.name.replace("-", " ").title()
        app = {"id": self.name, "name": title, "version": "1", "revision": 1, "summary": title, **self.app}
        if "license" not in app:
            self.note("app.license: nothing says what it is")
            app["license"] = _UNKNOWN_LICENSE
        document: Table = {"schema": "beacon-app/1", "app": app, "requires": self.requires, "web": self.web}
        document |= {"option": list(self.options.values()), "service": self.services, "result": self.result}
        text = as_toml({key: value for key, value in document.items() if value})
        return Draft(f"{_head(self.notes)}{text}", tuple(self.notes))


def one_line(text: str, longest: int = _LONGEST_SUMMARY) -> str:
    """Return *text* as a line that is not too long."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def literal(value: Any) -> Any:  # noqa: ANN401 -- TOML of any form
    """Return *value* so that nothing in it is taken for a template."""
    if isinstance(value, str):
        return _TEMPLATE.sub(lambda match: f"{{{{ '{match[0]}' }}}}", value)
    if isinstance(value, dict):
        return {key: literal(inner) for key, inner in value.items()}
    return [literal(inner) for inner in value] if isinstance(value, list) else value


def surrounding(variable: str) -> str | None:
    """Return what a variable is, if it is something of the machine."""
    known = _SURROUNDINGS.get(variable)
    return known and f"{{{{ machine.{known} }}}}"


def port_number(text: str) -> int | None:
    """Return the port that *text* is, which somebody else wrote; None if it is none."""
    number = int(text) if _DIGITS.fullmatch(text) else 0
    return number if 1 <= number <= _HIGHEST else None


_DIGITS = re.compile("[0-9]{1,5}")
_HIGHEST = 65535


def port_option(sketch: Sketch, container: int, protocol: str, default: int | None) -> Table:
    """Add an option for a port of the machine, and return the port of the service."""
    name = sketch.option(
        f"port_{container}" if protocol == "tcp" else f"port_{container}_{protocol}",
        type="port",
        label=f"Port of the machine for {container}/{protocol}",
        help=None if default else "None is published unless you give one.",
        default=default,
    )
    port = {"when": f"option.{name}", "host": f"{{{{ option.{name} }}}}", "container": container}
    return port if protocol == "tcp" else {**port, "protocol": protocol}


def checked(sketch: Sketch, service: str, table: Table, ports: Iterable[int]) -> None:
    """Give a service a health check if it has none: an update is judged by it."""
    if "health" in table:
        return
    port = next(iter(ports), None)
    table["health"] = {"tcp": port} if port else {"command": _LAST_RESORT}
    if not port:
        sketch.note(
            f"service.{service}.health: nothing says how to check that it is healthy; find a better command"
        )


def _head(notes: Iterable[str]) -> str:
    lines = [f"# - {one_line(note, 400)}" for note in notes]
    return "\n".join(["# To look at:", *lines, "", ""]) if lines else ""
