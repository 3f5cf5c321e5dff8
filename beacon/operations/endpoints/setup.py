"""The managed proxy, set up in one step, and the certificate of its own authority."""

from __future__ import annotations

from msgspec import Struct

from beacon.endpoints.caddy import IMPORT, MAIN, imports_own, is_installed
from beacon.endpoints.caddyfile import NOTHING
from beacon.endpoints.managed import ManagedProxy
from beacon.errors import HostError, UsageError
from beacon.model.host import Scope
from beacon.operations.listener import Listener, Note, tell
from beacon.operations.machine import Machine
from beacon.wire.endpoints import Certificate, ProxyChange


class SetUpRequest(Struct, frozen=True):
    """Whether Beacon's file is written anew although it was edited by hand."""

    overwrite: bool = False


def set_up(machine: Machine, request: SetUpRequest, listener: Listener) -> ProxyChange:
    """Have this machine's Caddy answer the domains of the services, from now on.

    Raises UsageError for a user's services, and HostError if Caddy is missing or refuses.
    """
    if machine.scope is not Scope.SYSTEM:
        raise UsageError(
            "Caddy is the machine's: it answers for services of the machine, not for those of a user",
            hint="sudo beacon endpoint setup",
        )
    machine.require_write("endpoint setup")
    if not is_installed():
        raise HostError("Caddy is not installed", hint="sudo apt install caddy")
    caddy, main = machine.caddy, machine.caddy.main()
    if not imports_own(main):
        _import_own(machine, main, listener)
    if request.overwrite or not caddy.is_managed():
        caddy.put(NOTHING.text())
    caddy.enable()
    settled, warnings = ManagedProxy(caddy, machine.store).settle()
    return ProxyChange(answers=settled is not None and not settled.trouble, warnings=warnings)


def _import_own(machine: Machine, main: str, listener: Listener) -> None:
    """Have the owner's Caddyfile, which says *main*, take in Beacon's file."""
    caddy = machine.caddy
    pristine = caddy.is_pristine()
    new = f"{IMPORT}\n" if pristine else f"{main.rstrip()}\n\n{IMPORT}\n"
    why = caddy.refuses(NOTHING.text(), main=new)
    if why is not None:
        raise HostError(f"Caddy refuses its configuration: {why}", hint=f"mend {MAIN} first")
    caddy.put_main(new)
    welcome = f"{MAIN} was the package's page of welcome, and is now one line: {IMPORT}"
    tell(listener, Note("", welcome if pristine else f"{MAIN} has a new line at its end: {IMPORT}"))


def root_certificate(machine: Machine) -> Certificate:
    """Return the certificate of Caddy's own authority. Raises StoreError if Caddy does not say."""
    return Certificate(certificate=machine.caddy.root_certificate().rstrip())
