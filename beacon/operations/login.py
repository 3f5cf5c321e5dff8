"""Credentials of registries, where the timer finds them, also after a reboot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from beacon.engine.logins import Logins
from beacon.errors import AccessError, MachineError, UsageError
from beacon.operations.machine import Machine
from beacon.wire.control import Login

Run = Callable[[Sequence[str], Mapping[str, str]], int]
"""Runs a command in an environment, with whoever types a password, and returns its exit status."""


class LoginRequest(Struct, frozen=True):
    """To which registry, and as whom; the engine asks for what is not given."""

    registry: str
    username: str = ""
    password_stdin: bool = False
    """Whether the password comes from standard input."""


class LogoutRequest(Struct, frozen=True):
    """Of which registry."""

    registry: str


def login(machine: Machine, request: LoginRequest, run: Run) -> Login:
    """Log in to a registry with the engine's own command.

    Raises AccessError if the registry refuses, and MachineError if the engine cannot be run.
    """
    machine.require_write("login")
    given = [f"--username={request.username}"] if request.username else []
    given += ["--password-stdin"] if request.password_stdin else []
    logins = _logins(machine)
    _run(run, logins.command("login", *given, request.registry), logins.environment)
    if logins.is_podmans_own:
        logins.remove_fleeting(request.registry)
    machine.limits.forget(request.registry)
    return Login(registry=request.registry)


def logout(machine: Machine, request: LogoutRequest, run: Run) -> Login:
    """Forget the login to a registry. Raises UsageError if there is none."""
    machine.require_write("logout")
    logins = _logins(machine)
    if not logins.is_podmans_own:
        _run(run, logins.command("logout", request.registry), logins.environment)
    elif not logins.remove(request.registry):
        raise UsageError(f"there is no login of Podman to {request.registry}")
    return Login(registry=request.registry)


def _logins(machine: Machine) -> Logins:
    return Logins(
        engine=machine.engine_kind,
        file=machine.settings.auth_file,
        settings=machine.paths.settings,
        environment=machine.environment,
        home=machine.caller.home,
        uid=machine.caller.uid,
    )


def _run(run: Run, command: Sequence[str], environment: Mapping[str, str]) -> None:
    try:
        status = run(command, environment)
    except OSError as error:
        raise MachineError(f"cannot run {command[0]}: {error.strerror}") from error
    if status:
        raise AccessError(f"{command[0]} {command[1]} {command[-1]} failed")
