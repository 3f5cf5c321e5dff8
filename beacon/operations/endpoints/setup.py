"""The managed proxy, set up in one step, and the certificate of its own authority."""

from __future__ import annotations

from msgspec import Struct

from beacon.endpoints.proxy import setup
from beacon.endpoints.proxy.managed import ManagedProxy
from beacon.errors import UsageError
from beacon.model.machine import Scope
from beacon.operations.listener import Listener, Note, report
from beacon.operations.machine import Machine
from beacon.wire.endpoints import Certificate, ProxyChange


class SetUpRequest(Struct, frozen=True):
    """Whether Beacon's file is written anew although it was edited by hand."""

    overwrite: bool = False


def set_up(machine: Machine, request: SetUpRequest, listener: Listener) -> ProxyChange:
    """Have this machine's Caddy answer the domains of the services, from now on.

    Raises UsageError for a user's services, and MachineError if Caddy is missing or refuses.
    """
    if machine.scope is not Scope.SYSTEM:
        raise UsageError(
            "Caddy is the machine's: it answers for services of the machine, not for those of a user",
            hint="sudo beacon endpoint setup",
        )
    machine.require_write("endpoint setup")
    caddy = machine.caddy

    def note(text: str) -> None:
        report(listener, Note("", text))

    setup.set_up(caddy, note, overwrite=request.overwrite)
    settled, warnings = ManagedProxy(caddy, machine.store).settle()
    return ProxyChange(answers=settled is not None and not settled.trouble, warnings=warnings)


def root_certificate(machine: Machine) -> Certificate:
    """Return the certificate of Caddy's own authority. Raises StoreError if Caddy does not say."""
    return Certificate(certificate=machine.caddy.root_certificate().rstrip())
