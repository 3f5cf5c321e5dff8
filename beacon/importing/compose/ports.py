"""Ports, and lines of /etc/hosts."""

from __future__ import annotations

from beacon.definition.grammar import portspec, strings, values
from beacon.importing.compose.context import Context
from beacon.importing.draft import Draft
from beacon.importing.node import Item
from beacon.model.service import Port, Protocol

_LONG_PORT = ("target", "published", "host_ip", "protocol")
_PORT_NOTES = {
    "mode": "a Swarm's; Beacon publishes on the host",
    "name": "a port of Beacon has no name",
    "app_protocol": "Beacon does not look into what a port carries",
}


def ports(item: Item, draft: Draft, context: Context) -> None:
    """Read ``ports``."""
    del context
    lone = next((name for name in draft.networks if name in {"host", "none"} or ":" in name), None)
    if lone is not None:
        where = f": publish them at {lone.partition(':')[2]}" if ":" in lone else ""
        item.drop(f"on the network {lone} no ports are published{where}")
        return
    for entry in item.each():
        port = _long_port(entry) if isinstance(entry.value, dict) else _short_port(entry)
        if port is not None:
            draft.ports.append(port)


def _short_port(item: Item) -> Port | None:
    text = item.text()
    if text is None:
        return None
    host, container = portspec.split_publish(text)
    return _port(item, container, host or None)


def _long_port(item: Item) -> Port | None:
    fields = item.fields()
    for key, why in _PORT_NOTES.items():
        if key in fields:
            fields[key].drop(why)
    item.require(fields, *_LONG_PORT, *_PORT_NOTES)
    if "target" not in fields:
        item.fault("must have a target, the port in the container")
        return None
    said = {key: fields[key].text() or "" for key in _LONG_PORT if key in fields}
    target = said["target"] + (f"/{said['protocol'].lower()}" if said.get("protocol") else "")
    ip, published = said.get("host_ip", ""), said.get("published", "")
    address = f"[{ip}]:" if ":" in ip else f"{ip}:" if ip else ""
    return _port(item, target, address + published or None)


def _port(item: Item, container: str, host: str | None) -> Port | None:
    """Return a port; where a range of the host stands for one port, its first is taken."""
    try:
        first, count, protocol = portspec.container_port(container.lower())
        ip, start, host_count = ("", None, 1) if host is None else portspec.host_port(_any_port(host))
    except ValueError as fault:
        item.fault(str(fault))
        return None
    if start is not None and host_count != count:
        if count > 1:
            item.fault(f"must be as many ports on the host ({host_count}) as in the container ({count})")
            return None
        item.change(f"the first of the range, {start}, is published")
    return Port(first, start, ip, protocol or Protocol.TCP, count)


def _any_port(host: str) -> str:
    """Return the host's side of a port, where 0 is what the engine chooses."""
    address, colon, port = host.rpartition(":")
    return f"{address}:" if port == "0" and colon else host


def extra_hosts(item: Item, draft: Draft, context: Context) -> None:
    """Read ``extra_hosts``: a mapping, or lines of ``NAME:ADDRESS`` and ``NAME=ADDRESS``."""
    del context
    for name, entry in _host_lines(item):
        addresses = list(entry.each()) if isinstance(entry.value, list) else [entry]
        for one in addresses:
            address = one.read(lambda value: values.host_address(str(value).strip("[]")))
            if address is None or draft.hosts.get(name) == address:
                continue
            if name not in draft.hosts:
                draft.hosts[name] = address
                continue
            draft.args.append(f"--add-host={name}:{address}")
            one.note_raw(f"--add-host={name}:{address}")


def _host_lines(item: Item) -> list[tuple[str, Item]]:
    """Return the names, each with its address, or the addresses that it has in a list."""
    if not isinstance(item.value, list):
        return list(item.fields().items())
    found: list[tuple[str, Item]] = []
    for entry in item.each():
        text = entry.text() or ""
        name, separator, address = text.partition("=" if "=" in text else ":")
        if not separator or not name:
            entry.fault(f"must be NAME:ADDRESS, not {strings.shown(text)}")
            continue
        found.append((name.strip(), entry.below(entry.node.with_value(address.strip()), name)))
    return found
