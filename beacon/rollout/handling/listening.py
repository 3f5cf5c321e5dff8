"""Where a release has to accept connections: at the ports that its endpoints are reached at."""

from __future__ import annotations

from collections.abc import Iterable

from beacon.model.release import Release
from beacon.model.runtime import UnitState
from beacon.rollout.handling.handover import Address, first_addresses
from beacon.rollout.tools import Tools

_TIMEOUT = 2.0
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # an address to compare with


def addresses_to_answer(
    tools: Tools, candidate: Release, live: Release | None, unit: UnitState
) -> tuple[Address, ...]:
    """Return where *candidate* has to accept connections before it is healthy.

    A first release has to everywhere; another one where *live* does.
    """
    addresses = sorted(first_addresses(candidate))
    if live is None:
        return tuple(addresses)
    if unit.active != "active":
        return ()
    known = first_addresses(live)
    return tuple(address for address in addresses if address in known and refusal(tools, [address]) is None)


def refusal(tools: Tools, addresses: Iterable[Address]) -> str | None:
    """Return which of *addresses* accepts no connection; None if all do."""
    for host, port in addresses:
        fault = tools.probe.tcp(LOOPBACK.get(host, host), port, _TIMEOUT)
        if fault is not None:
            return f"port {port}, where an endpoint is reached, {fault}"
    return None
