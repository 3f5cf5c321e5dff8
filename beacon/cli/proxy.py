"""The managed proxy at the command line: it is told of what a verb has changed, and set up in one step."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from beacon.errors import BeaconError, HostError, UsageError
from beacon.model.host import Scope
from beacon.model.outcome import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from beacon.cli.host import Host
    from beacon.endpoints.caddyfile import Caddyfile
    from beacon.endpoints.proxy import Settled
    from beacon.endpoints.routes import Running
    from beacon.model.outcome import Outcome

_LOCK = "_proxy"
"""No service's: names have no underscore."""
_PATIENCE = 60.0
_QUIET = {
    *(OutcomeKind.UP_TO_DATE, OutcomeKind.PINNED, OutcomeKind.HELD, OutcomeKind.QUARANTINED),
    *(OutcomeKind.STOPPED, OutcomeKind.BUSY, OutcomeKind.DEFERRED, OutcomeKind.UNCHECKED),
}
"""Outcomes that leave everything as it was."""


def follow(host: Host, outcomes: Iterable[Outcome]) -> None:
    """Have the managed proxy answer what is installed now; what hinders that is told, and no more.

    A machine whose Caddy is not Beacon's to manage has nothing to follow, and neither have users' services.
    """
    from beacon.endpoints.caddy import OWN

    if host.scope is not Scope.SYSTEM or not OWN.exists():
        return
    try:
        pending = not host.store.proxy().wanted
        if not pending and all(outcome.kind in _QUIET for outcome in outcomes):
            return
        settled = settle_proxy(host)
    except BeaconError as error:
        with suppress(BeaconError):
            host.store.save_proxy(host.store.proxy().pending(missed=True))
        host.output.warn(f"Caddy goes on as before: {error.message}")
        if error.hint:
            host.output.say(error.hint)
        return
    if settled is not None:
        tell(host, settled)


def settle_proxy(host: Host) -> Settled | None:
    """Bring Caddy up to date, one process at a time, and remember what came of it.

    Whatever ends it before that, an error or a kill, the next run finds it pending.
    """
    from beacon.cli.endpoints import installed
    from beacon.endpoints.proxy import settle

    with host.store.lock(_LOCK, wait=_PATIENCE):
        last = host.store.proxy()
        host.store.save_proxy(last.pending())
        settled = settle(host.caddy, wanted(installed(host)), last, time.sleep)
        if settled is not None:
            missed = host.store.proxy().missed
            host.store.save_proxy(settled.record.pending() if missed else settled.record)
    return settled


def wanted(services: Mapping[str, Running]) -> Caddyfile:
    """Return what Caddy is to answer; ports that an engine chose for one start are nothing to tell it."""
    from msgspec.structs import replace

    from beacon.endpoints.caddyfile import caddyfile
    from beacon.endpoints.routes import routes

    return caddyfile(routes({name: replace(one, container=None) for name, one in services.items()}))


def unanswered(host: Host, services: Mapping[str, Running]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return service and claim → why Caddy does not answer it, and what mends that."""
    made, refused = wanted(services), host.store.proxy().refused
    why = {(one.service, one.claim): (one.why, one.mend) for one in made.left_out}
    for site in made.sites:
        if site.address in refused:
            why |= dict.fromkeys(site.claims, (refused[site.address], "take it out there, or here"))
    return why


def tell(host: Host, settled: Settled) -> None:
    """Tell what is not answered, and why."""
    if settled.trouble:
        host.output.warn(settled.trouble)
        host.output.say(settled.mend)
    for one in settled.left_out:
        host.output.warn(f"{one.claim} of {one.service} is not answered: {one.why}")
        if one.mend:
            host.output.say(one.mend)


def set_up(host: Host, *, overwrite: bool) -> Settled | None:
    """Have this machine's Caddy answer the domains of the services, from now on."""
    from beacon.endpoints.caddy import IMPORT, MAIN, OWN, imports_own, is_installed
    from beacon.endpoints.caddyfile import NOTHING

    if host.scope is not Scope.SYSTEM:
        raise UsageError(
            "Caddy is the machine's: it answers for services of the machine, not for those of a user",
            hint="sudo beacon endpoint setup",
        )
    if not is_installed():
        raise HostError("Caddy is not installed", hint="sudo apt install caddy")
    caddy, main = host.caddy, host.caddy.main()
    if not imports_own(main):
        pristine = caddy.is_pristine()
        new = f"{IMPORT}\n" if pristine else f"{main.rstrip()}\n\n{IMPORT}\n"
        why = caddy.refuses(NOTHING.text(), main=new)
        if why is not None:
            raise HostError(f"Caddy refuses its configuration: {why}", hint=f"mend {MAIN} first")
        caddy.put_main(new)
        host.output.say(
            f"{MAIN} was the package's page of welcome, and is now one line: {IMPORT}"
            if pristine
            else f"{MAIN} has a new line at its end: {IMPORT}"
        )
    if overwrite or not OWN.exists():
        caddy.put(NOTHING.text())
    caddy.enable()
    return settle_proxy(host)
