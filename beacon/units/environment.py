"""The environment of a private definition: in files of its own, so that no command line has a value.

Whoever is on the machine can read those, and the units that Quadlet makes: ``systemctl show``, ``/proc``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from beacon.definition.grammar.strings import key_path
from beacon.model.machine import EngineVersion, Scope
from beacon.model.unit import UnitFile
from beacon.units.directives import Section, Sheet
from beacon.units.mark import stamp
from beacon.units.quoting import InexpressibleError, encode_setting_word
from beacon.units.release import ReleaseInput

_LONGEST: Final = 60_000
"""Bytes of a line that the engines still read (bufio.MaxScanTokenSize of Go, less the name)."""
_UNQUOTING: Final = EngineVersion(4, 7, 0)
"""The one Podman that reads quotes and ``#`` in such a file as a shell does (podman#20256)."""
_WORD: Final = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPED: Final = re.compile(r"([\\\"`$])")
_OF_COMMANDS: Final = re.compile(
    r"PATH|HOME|SHELL|TMPDIR|ENV|BASH_ENV|IFS|TZ|LANG|LANGUAGE|MAINPID|INVOCATION_ID|JOURNAL_STREAM"
    r"|REGISTRY_AUTH_FILE|OPENSSL_CONF|GLIBC_TUNABLES|CREDENTIALS_DIRECTORY|NOTIFY_SOCKET"
    r"|GO(?:DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK)|SSL_CERT_(?:FILE|DIR)|STORAGE_(?:DRIVER|OPTS)"
    r"|(?:LC|LD|XDG|DOCKER|_?CONTAINERS?|PODMAN|BUILDAH|NETAVARK|DBUS|LISTEN|WATCHDOG|SYSTEMD|MALLOC|BEACON)_.*"
    r"|PYTHON.*|(?i:.*_proxy)"
)
"""Variables that the commands of a unit heed themselves: the engine, a shell, Beacon."""


def write_public(sheet: Sheet, release: ReleaseInput) -> None:
    """Have the container given its environment by the unit.

    Podman makes LF of CR LF in what its command line says of the environment: such a value is given to its
    command by systemd, and passed on by its name.
    """
    for name, value in sorted(release.declared.env.items()):
        path = f"env.{key_path(name)}"
        if sheet.keeps_line_ends or "\r\n" not in value or "\0" in value:
            sheet.pair("Environment", name, value, path)
        elif can_be_passed_on(name):
            sheet.add(Section.SERVICE, "Environment", f'"{name}={encode_setting_word(value)}"')
            sheet.argument("--env", name, path)
        else:
            sheet.fault(path, _CHANGED)


def can_be_passed_on(name: str) -> bool:
    """Say whether the engine's command may have the variable *name* in its own environment."""
    return _VARIABLE.fullmatch(name) is not None and _OF_COMMANDS.fullmatch(name) is None


def write_private(sheet: Sheet, release: ReleaseInput, scope: Scope) -> None:
    """Have the container given its environment by files, which *sheet* then has besides the unit.

    The engine's own takes a line for each variable, as it stands. Where a value is more than that, systemd
    gives the variable to the engine's command, which passes it on by its name.
    """
    lines: dict[str, str] = {}
    apart: dict[str, str] = {}
    for name, value in sorted(release.declared.env.items()):
        path = f"env.{key_path(name)}"
        if "\0" in value:
            sheet.refuse(path, InexpressibleError("Environment", value, "a NUL character"))
        elif _is_line(name, value, sheet):
            lines[name] = value
        elif can_be_passed_on(name):
            apart[name] = value
        else:
            sheet.fault(path, _PROBLEM)
    if lines:
        text = "".join(f"{name}={value}\n" for name, value in lines.items())
        sheet.environment_file(_add(sheet, release, "", text), sheet.folder(scope, beside=release.beside))
    if apart:
        file = _add(sheet, release, ".lines", _assignments(apart))
        place = f"{sheet.folder(scope, beside=release.beside)}/{file}"
        sheet.add(Section.SERVICE, "EnvironmentFile", place)
        for name in apart:
            sheet.argument("--env", name, f"env.{key_path(name)}")


_CHANGED: Final = (
    "must not hold CR LF, of which Podman makes LF, unless its name is of letters, digits and _ and means "
    "nothing to the machine's own commands; mount a file instead"
)
_PROBLEM: Final = (
    "must be one line of at most 60,000 bytes: in a private definition more is only for names of letters, "
    "digits and _ that mean nothing to the machine's own commands; mount a file instead"
)


def _is_line(name: str, value: str, sheet: Sheet) -> bool:
    """Say whether the engine reads *value* from a line exactly as it is."""
    if "\n" in value or value.endswith("\r") or len(f"{name}={value}".encode()) > _LONGEST:
        return False
    return sheet.version != _UNQUOTING or _WORD.fullmatch(value) is not None


def _assignments(env: Mapping[str, str]) -> str:
    """Return the lines of a file for EnvironmentFile= (systemd.exec(5)): in quotes, of any length."""
    quoted = {name: _ESCAPED.sub(r"\\\1", value) for name, value in env.items()}
    return "".join(f'{name}="{value}"\n' for name, value in quoted.items())


def _add(sheet: Sheet, release: ReleaseInput, kind: str, text: str) -> str:
    service = release.service.name
    name = f"{sheet.file_of(service)}.{release.number or 0}{kind}.env"
    sheet.files.append(UnitFile(name, stamp(text, f"service {service}")))
    return name
