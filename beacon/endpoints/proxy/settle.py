"""Bringing the managed proxy up to date: what it refuses is left out, and the last good file is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from beacon.endpoints.routing.caddyfile import Caddyfile, LeftOut, Site
from beacon.errors import MachineError
from beacon.model.endpoints.proxy import ProxyRecord
from beacon.model.release import text_digest
from beacon.units.mark import read_mark

_ATTEMPTS = 3
_EDITED = (
    "Beacon's file for Caddy was edited by hand, and is left as it is",
    "move your change to /etc/caddy/Caddyfile, and delete it",
)
_PAUSE = 1.0


class Proxy(Protocol):
    """Caddy, and Beacon's own file below /etc/caddy. Failures are MachineErrors."""

    def read(self) -> str | None:
        """Return Beacon's file as it is, or None where there is none: then nothing is managed."""

    def guard(self) -> None:
        """Keep others from Beacon's file, if they can read it."""

    def refuses(self, text: str) -> str | None:
        """Say in Caddy's words why it would refuse its configuration with Beacon's file being *text*."""

    def put(self, text: str) -> None:
        """Write Beacon's file."""

    def is_up(self) -> bool:
        """Say whether Caddy runs."""

    def reload(self) -> str | None:
        """Have Caddy read its configuration again; say why it does not, or None."""


class Settled(Struct, frozen=True):
    """How it ended: what to remember, what is not answered, and what the owner should know."""

    record: ProxyRecord
    left_out: tuple[LeftOut, ...] = ()
    trouble: str = ""
    mend: str = ""


def settle(
    proxy: Proxy, desired: Caddyfile, last: ProxyRecord, pause: Callable[[float], None]
) -> Settled | None:
    """Have Caddy answer *desired*; None where nothing is managed.

    The file is checked as a part of the whole configuration before it is written, and written before Caddy
    is told. Killed in between, the next run tells it.
    """
    current = proxy.read()
    if current is None:
        return None
    mark = read_mark(current)
    if mark is None or not mark.intact:
        return Settled(last, desired.left_out, *_EDITED)
    digest = text_digest(desired.text())
    refused: Mapping[str, str] = {}
    if digest != last.desired or last.refused or current != desired.text():
        refused = _refused(proxy, desired.sites, desired)
    text = desired.text(without=refused)
    record = ProxyRecord(digest, last.loaded, refused)
    left_out = (*desired.left_out, *_left_out(desired.sites, refused))
    if text != current:
        proxy.put(text)
    if not proxy.is_up():
        mend = "sudo systemctl enable --now caddy"
        return Settled(_loaded(record, ""), left_out, "Caddy does not run: no domain is answered", mend)
    if record.loaded == text_digest(text):
        return Settled(record, left_out)
    why = _reload(proxy, pause)
    if why is None:
        return Settled(_loaded(record, text_digest(text)), left_out)
    if text != current:
        proxy.put(current)
    return Settled(
        ProxyRecord("", last.loaded, last.refused),
        left_out,
        f"Caddy could not be reloaded, and goes on as before: {why}",
        "journalctl -u caddy, then beacon apply",
    )


def _loaded(record: ProxyRecord, digest: str) -> ProxyRecord:
    return ProxyRecord(record.desired, digest, record.refused)


def _reload(proxy: Proxy, pause: Callable[[float], None]) -> str | None:
    why = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            pause(_PAUSE)
        why = proxy.reload()
        if why is None:
            return None
    return why


def _refused(proxy: Proxy, sites: Sequence[Site], desired: Caddyfile) -> dict[str, str]:
    """Return the sites that Caddy does not take, each with the reason; the others do not suffer for them.

    Halves of what is refused are tried until the faulty ones stand alone. Raises MachineError where Caddy
    refuses even what is not Beacon's.
    """
    every = {site.address for site in sites}
    accepted: set[str] = set()
    found: dict[str, str] = {}

    def consider(part: Sequence[Site]) -> None:
        tried = accepted | {site.address for site in part}
        why = proxy.refuses(desired.text(without=every - tried))
        if why is None:
            accepted.update(tried)
        elif len(part) == 1:
            found[part[0].address] = _words(why)
        elif part:
            consider(part[: len(part) // 2])
            consider(part[len(part) // 2 :])
        if not part and why is not None:
            raise MachineError(
                f"Caddy refuses its own configuration: {why}",
                hint="sudo caddy validate --config /etc/caddy/Caddyfile",
            )

    if proxy.refuses(desired.text()) is None:
        return {}
    consider(())
    consider(sites)
    return found


def _words(why: str) -> str:
    if "ambiguous site definition" in why:
        return "another site in /etc/caddy/Caddyfile has it already"
    return f"Caddy refuses it: {why}"


def _left_out(sites: Sequence[Site], refused: Mapping[str, str]) -> list[LeftOut]:
    """Return what the refusal of sites means to services; that of the sites of nobody means nothing."""
    return [
        LeftOut(service, claim, refused[site.address], "take it out there, or here")
        for site in sites
        if site.address in refused
        for service, claim in site.claims
    ]
