"""Ports, networks and who needs whom."""

from __future__ import annotations

from beacon.definition import grammar, values
from beacon.definition.names import validate_name
from beacon.importing.compose.context import Context, is_external
from beacon.importing.draft import Draft
from beacon.importing.names import slug
from beacon.importing.node import Item, Node
from beacon.model.service import Port, Protocol

_LONG_PORT = ("target", "published", "host_ip", "protocol")
_PORT_NOTES = {
    "mode": "a Swarm's; Beacon publishes on the host",
    "name": "a port of Beacon has no name",
    "app_protocol": "Beacon does not look into what a port carries",
}
_NETWORK_NOTES = {
    "ipv4_address": "Beacon's networks hand out addresses; services find each other by name",
    "ipv6_address": "Beacon's networks hand out addresses; services find each other by name",
    "link_local_ips": "Podman has no such option",
    "mac_address": "give it in [podman] args as --mac-address where it is needed",
    "driver_opts": "Beacon's networks are plain bridges",
    "priority": "Podman joins all networks at once",
    "gw_priority": "Podman joins all networks at once",
    "interface_name": "Podman names the interfaces",
}
_RESOURCE_NOTES = {
    "driver": "Beacon's networks are bridges; another kind is made by hand: podman network create",
    "driver_opts": "Beacon's networks are plain bridges",
    "ipam": "Podman chooses the subnet",
    "internal": "Beacon's networks reach the outside; publish no ports, or use a firewall",
    "attachable": "a Swarm's",
    "enable_ipv4": "Podman chooses the addresses",
    "enable_ipv6": "Podman chooses the addresses",
    "labels": "Beacon's networks carry its own labels only",
}


def ports(item: Item, draft: Draft, context: Context) -> None:
    """Read ``ports``."""
    del context
    for entry in item.each():
        port = _long_port(entry) if isinstance(entry.value, dict) else _short_port(entry)
        if port is not None:
            draft.ports.append(port)


def _short_port(item: Item) -> Port | None:
    text = item.text()
    if text is None:
        return None
    host, container = grammar.split_publish(text)
    return _port(item, container, host)


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
    target = said["target"] + (f"/{said['protocol']}" if said.get("protocol") else "")
    ip, published = said.get("host_ip", ""), said.get("published", "")
    address = f"[{ip}]:" if ":" in ip else f"{ip}:" if ip else ""
    return _port(item, target, address + published or None)


def _port(item: Item, container: str, host: str | None) -> Port | None:
    """Return a port; where a range of the host stands for one port, its first is taken."""
    try:
        first, count, protocol = grammar.container_port(container)
        ip, start, host_count = ("", None, 1) if host is None else grammar.host_port(host)
    except ValueError as fault:
        item.fault(str(fault))
        return None
    if start is not None and host_count != count:
        if count > 1:
            item.fault(f"must be as many ports on the host ({host_count}) as in the container ({count})")
            return None
        item.change(f"the first of the range, {start}, is published")
    return Port(first, start, ip, protocol or Protocol.TCP, count)


def networks(item: Item, draft: Draft, context: Context) -> None:
    """Read ``networks``: names, or a mapping with the service's settings on each."""
    if isinstance(item.value, list):
        joined = {name: entry for entry in item.each() if (name := entry.text()) is not None}
    else:
        joined = dict(item.fields())
    for key, entry in joined.items():
        if not _is_defined(key, entry, context):
            continue
        draft.networks.append(context.network(key))
        fields = entry.fields() if isinstance(entry.value, dict) else {}
        if "aliases" in fields:
            _aliases(fields["aliases"], draft)
        for name, why in _NETWORK_NOTES.items():
            if name in fields:
                fields[name].drop(why)
        entry.require(fields, "aliases", *_NETWORK_NOTES)


def _aliases(item: Item, draft: Draft) -> None:
    """Add other names of the service; Podman has them on all of its networks."""
    for alias in item.each():
        text = alias.text()
        if text is not None and text != draft.name:
            draft.aliases.append(text)
            alias.change(f"{text} is its name on all of its networks, by [podman] args")


def _is_defined(key: str, item: Item, context: Context) -> bool:
    if context.project.loose or key == "default" or key in context.project.networks:
        return True
    near = grammar.did_you_mean(key, list(context.project.networks))
    item.fault(f"must name a network of the file, not {key!r}{near}")
    return False


def network_mode(item: Item, draft: Draft, context: Context) -> None:
    """Read ``network_mode``."""
    mode = item.text()
    if mode is None:
        return
    kind, _, target = mode.partition(":")
    if mode in {"host", "none"}:
        draft.networks.append(mode)
    elif kind == "service":
        if (name := service_name(item, target, context)) is not None:
            draft.networks.append(f"service:{name}")
            draft.needs.append(name)
    elif kind == "container":
        _container_network(item, target, draft)
    elif mode == "private":
        item.change("Podman's default network, with an address of its own")
    elif mode not in {"bridge", "default"}:
        draft.args.append(f"--network={mode}")
        item.note_raw(f"--network={mode}")


def _container_network(item: Item, target: str, draft: Draft) -> None:
    other = slug(target.removeprefix("beacon-"))
    problem = validate_name(other)
    if problem is not None:
        item.fault(problem)
        return
    draft.networks.append(f"service:{other}")
    item.change(f"the network of Beacon's service {other}, which must be there: import {target} too")


def default_network(draft: Draft, context: Context) -> None:
    """Join the project's network, where others are on it too."""
    if not context.project.loose and context.shares_default:
        draft.networks.append(context.network("default"))


def depends_on(item: Item, draft: Draft, context: Context) -> None:
    """Read ``depends_on``, with or without conditions."""
    if isinstance(item.value, list):
        for entry in item.each():
            _need(entry, entry.text() or "", draft, context)
        return
    for other, entry in item.fields().items():
        fields = entry.fields()
        entry.require(fields, "condition", "restart", "required")
        condition = (fields["condition"].text() if "condition" in fields else None) or "service_started"
        if "restart" in fields and fields["restart"].boolean():
            fields["restart"].drop("systemd starts it again only where both are restarted together")
        if "required" in fields and not fields["required"].boolean():
            if other not in context.project.services:
                entry.drop(f"{other} is not required, and not imported")
                continue
            fields["required"].change(f"{other} is imported, and is needed now")
        if condition == "service_completed_successfully":
            entry.drop(
                f"{other} ends when it is done, and Beacon's services do not: run it by hand, or as a hook"
            )
            continue
        if condition not in {"service_started", "service_healthy"}:
            fields["condition"].fault(
                "must be service_started, service_healthy or service_completed_successfully, "
                f"not {grammar.shown(condition)}"
            )
            continue
        if condition == "service_started" and _has_health(context, other):
            entry.change(f"waits until {other} is healthy, as it has a health check")
        _need(entry, other, draft, context)


def _has_health(context: Context, other: str) -> bool:
    node = context.project.services.get(other)
    return node is not None and node.get("healthcheck") is not None


def _need(item: Item, other: str, draft: Draft, context: Context) -> None:
    if context.is_job(other):
        item.drop(f"{other} ends when it is done, and Beacon's services do not")
        return
    name = context.names.get(other)  # what is not there was told when the project was loaded
    if name is not None:
        draft.needs.append(name)


def service_name(item: Item, other: str, context: Context) -> str | None:
    """Return Beacon's name of another service of the project; a fault where it is not imported."""
    if other in context.project.services:
        return context.names.get(other)
    if other in context.project.others:
        item.fault(f"must name a service that is imported too, not {other!r}")
    else:
        item.fault(f"must name a service of the file, not {grammar.shown(other)}")
    return None


def links(item: Item, draft: Draft, context: Context) -> None:
    """Read ``links``: an old way to say depends_on."""
    for entry in item.each():
        text = entry.text() or ""
        other, _, alias = text.partition(":")
        if context.project.loose:
            entry.drop(
                f"services find each other by name on a network: networks = [...] in both, and {other}"
            )
            continue
        if service_name(entry, other, context) is None:
            continue
        _need(entry, other, draft, context)
        if alias and alias != other:
            entry.drop(f"the name {alias}: give {other} that alias, or use its own name")
        else:
            entry.change(f"needs {other}, which it finds by name on their network")


def extra_hosts(item: Item, draft: Draft, context: Context) -> None:
    """Read ``extra_hosts``: a mapping, or lines of ``NAME:ADDRESS`` and ``NAME=ADDRESS``."""
    del context
    for name, entry in _host_lines(item).items():
        addresses = list(entry.each()) if isinstance(entry.value, list) else [entry]
        for extra in addresses[1:]:
            extra.drop("a name has one address")
        for first in addresses[:1]:
            address = first.read(lambda value: values.host_address(str(value).strip("[]")))
            if address is not None:
                draft.hosts[name] = address


def _host_lines(item: Item) -> dict[str, Item]:
    if not isinstance(item.value, list):
        return dict(item.fields())
    found: dict[str, Item] = {}
    for entry in item.each():
        text = entry.text() or ""
        name, separator, address = text.partition("=" if "=" in text else ":")
        if not separator or not name:
            entry.fault(f"must be NAME:ADDRESS, not {grammar.shown(text)}")
            continue
        found[name] = entry.below(entry.node.with_value(address), name)
    return found


def resources(networks: dict[str, Node], used: set[str], context: Context, item: Item) -> None:
    """Say what becomes of the networks that the file describes."""
    for key, node in networks.items():
        entry = item.below(node, key)
        fields = entry.fields()
        name = context.network(key)
        if is_external(node):
            entry.change(
                f"external: Beacon's own network {name} takes its place; "
                "containers that are not Beacon's are not on it"
            )
        elif key not in used:
            entry.drop("no service that is imported is on it")
        for field, why in _RESOURCE_NOTES.items():
            is_plain = field == "driver" and field in fields and fields[field].value in ("bridge", "default")
            if field in fields and not is_plain:
                fields[field].drop(why)
        entry.require(fields, "name", "external", *_RESOURCE_NOTES)
