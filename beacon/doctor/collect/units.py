"""What systemctl(1) says of units: also without root, and of units that systemd does not know."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from beacon.doctor.judge.facts import Sandbox, UnitFacts
from beacon.engine.command import CommandFailedError, run
from beacon.errors import MachineError
from beacon.model.machine import Scope

_PATIENCE = 10.0
_PROPERTIES = (
    "Id",
    "Names",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "NeedDaemonReload",
    "ExecStart",
    "Environment",
    "ActiveEnterTimestampMonotonic",
    "ActiveExitTimestampMonotonic",
    "InactiveEnterTimestampMonotonic",
    "ProtectSystem",
    "ProtectHome",
    "ReadWritePaths",
)


def show(units: Iterable[str], scope: Scope, environment: Mapping[str, str]) -> dict[str, UnitFacts]:
    """Return each unit by its name; MachineError where the manager does not answer."""
    names = list(units)
    user = ["--user"] if scope is Scope.USER else []
    argv = ["systemctl", *user, "show", f"--property={','.join(_PROPERTIES)}", "--", *names]
    try:
        said = run(argv, environment, timeout=_PATIENCE)
    except CommandFailedError as error:
        whose = "your" if scope is Scope.USER else "the machine's"
        words = error.said.strip().splitlines()
        raise MachineError(
            f"{whose} service manager does not answer: {words[0] if words else error}"
        ) from error
    return parse(names, said)


def parse(names: Iterable[str], said: str) -> dict[str, UnitFacts]:
    """Return the units of ``systemctl show``, one block each, under the names they were asked for by."""
    found: dict[str, UnitFacts] = {}
    for block in said.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        facts = _unit(values)
        for name in {facts.name, *values.get("Names", "").split()}:
            found[name] = facts
    return {name: found.get(name, UnitFacts(name)) for name in names}


def _unit(values: Mapping[str, str]) -> UnitFacts:
    return UnitFacts(
        name=values.get("Id", ""),
        load=values.get("LoadState", "not-found"),
        active=values.get("ActiveState", "inactive"),
        sub=values.get("SubState", ""),
        enabled=values.get("UnitFileState", ""),
        result=values.get("Result", "success"),
        exit_status=_number(values.get("ExecMainStatus", "")),
        needs_reload=values.get("NeedDaemonReload") == "yes",
        program=_program(values.get("ExecStart", "")),
        environment=_environment(values.get("Environment", "")),
        up=_number(values.get("ActiveEnterTimestampMonotonic", "")),
        left=_number(values.get("ActiveExitTimestampMonotonic", "")),
        down=_number(values.get("InactiveEnterTimestampMonotonic", "")),
        sandbox=Sandbox(
            values.get("ProtectSystem", "no"),
            values.get("ProtectHome", "no"),
            # "-" in front: where it is not there, that is no fault.
            tuple(place.lstrip("-+") for place in values.get("ReadWritePaths", "").split()),
        ),
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _program(text: str) -> str:
    """Return the path of ``{ path=/usr/bin/beacon ; argv[]=… }``."""
    _, found, rest = text.partition("path=")
    return rest.partition(" ;")[0] if found else ""


def _environment(text: str) -> dict[str, str]:
    try:
        words = shlex.split(text)
    except ValueError:  # a value that no shell would take; only a comparison is lost
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)
