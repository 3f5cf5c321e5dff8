"""Networks: which ones a service is on, and how they are."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from beacon.definition.grammar import strings, values
from beacon.definition.names import validate_name
from beacon.formats.node import Node
from beacon.importing.compose.context import Context, is_external, without_empty
from beacon.importing.compose.needs import service_name
from beacon.importing.draft import Draft
from beacon.importing.names import slug
from beacon.importing.node import Item, Log
from beacon.model.endpoints.network import Network
from beacon.model.unit import container_name

_READ = ("driver", "driver_opts", "ipam", "internal", "enable_ipv6")
_DRIVERS = ("bridge", "default", "macvlan", "ipvlan", "", None)
_NETWORK_NOTES = {
    "link_local_ips": "Podman has no such option",
    "mac_address": "give it in [podman] args as --mac-address where it is needed",
    "driver_opts": "Podman has no options of one service's place on a network",
    "priority": "Podman joins all networks at once",
    "gw_priority": "Podman joins all networks at once",
    "interface_name": "Podman names the interfaces",
}
_RESOURCE_NOTES = {
    "attachable": "a Swarm's",
    "enable_ipv4": "Podman chooses the addresses",
    "labels": "Beacon's networks carry its own labels only",
}


def networks(item: Item, draft: Draft, context: Context) -> None:
    """Read ``networks``: names, or a mapping with the service's settings on each."""
    if isinstance(item.value, list):
        joined = {name: entry for entry in item.each() if (name := entry.text()) is not None}
    else:
        joined = dict(item.fields())
    for key, entry in joined.items():
        if not _is_defined(key, entry, context):
            continue
        if (mode := context.mode(key)) is not None:
            draft.networks.append(mode)
            continue
        draft.networks.append(context.network(key))
        fields = entry.fields() if isinstance(entry.value, dict) else {}
        if "aliases" in fields:
            _aliases(fields["aliases"], draft)
        for name, why in _NETWORK_NOTES.items():
            if name in fields:
                fields[name].drop(why)
        entry.require(fields, "aliases", *_FIXED, *_NETWORK_NOTES)
        said = described(key, context, Item(entry.node, entry.path, Log()))
        fixed = tuple(text for name in _FIXED if name in fields and (text := fields[name].text()))
        draft.network[draft.networks[-1]] = replace(said, address=fixed)


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
    near = strings.did_you_mean(key, list(context.project.networks))
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
        _container_network(item, target, draft, context)
    elif mode == "private":
        item.change("Podman's default network, with an address of its own")
    elif mode not in {"bridge", "default"}:
        draft.args.append(f"--network={mode}")
        item.note_raw(f"--network={mode}")


def _container_network(item: Item, target: str, draft: Draft, context: Context) -> None:
    """Share a container's network: that of a service of the project, if one is called so."""
    name = context.called(target)
    if name is None and context.project.loose:
        name = slug(target.removeprefix("beacon-"))
    if name is None or validate_name(name) is not None:
        draft.args.append(f"--network=container:{target}")
        item.todo(
            f"the container {target} is none of the project's, and must be there whenever this one starts"
        )
        return
    draft.networks.append(f"service:{name}")
    if context.project.loose:
        item.change(f"the network of Beacon's service {name}, which must be there: import {target} too")
    else:
        draft.needs.append(name)
        item.change(f"the network of {name}, whose container it is")


def has_names(draft: Draft) -> bool:
    """Whether the service is on networks of Beacon's, which know names."""
    return bool(draft.networks) and not any(
        network in {"host", "none"} or ":" in network for network in draft.networks
    )


_TRAEFIK = "traefik.docker.network"
_TRAEFIK_OPTION = "--providers.docker.network="


def name_in_labels(item: Item, draft: Draft, context: Context) -> None:
    """Have labels and options of Traefik's name a network as the engine calls it now."""
    said = draft.labels.get(_TRAEFIK)
    now = None if said is None else context.engine_network(said)
    if now is not None:
        draft.labels[_TRAEFIK] = now
        Item(item.node, (*item.path, "labels", _TRAEFIK), item.log, item.service).change(
            f"{now}, as the engine calls the network {said} now"
        )
    for index, word in enumerate(draft.command or ()):
        now = context.engine_network(word.removeprefix(_TRAEFIK_OPTION))
        if word.startswith(_TRAEFIK_OPTION) and now is not None:
            words = [*(draft.command or ())]
            words[index] = _TRAEFIK_OPTION + now
            draft.command = tuple(words)
            Item(item.node, (*item.path, "command", index), item.log, item.service).change(
                f"{words[index]}, as the engine calls that network now"
            )


def default_network(draft: Draft, context: Context) -> None:
    """Join the project's network, where others are on it too."""
    if not context.project.loose and context.shares_default:
        draft.networks.append(context.network("default"))
        node = context.project.networks.get("default")
        if node is not None:
            said = described("default", context, Item(node, ("networks", "default"), Log()))
            draft.network[draft.networks[-1]] = said


_FIXED = ("ipv4_address", "ipv6_address")


def described(key: str, context: Context, item: Item) -> Network:
    """Return how the file says that one of its networks is; *item* hears of what is not carried over."""
    node = context.project.networks.get(key)
    if node is None or is_external(node):
        return context.networks.get(context.network(key), Network())
    fields = item.below(without_empty(node), key).fields()
    driver = fields["driver"].text() if "driver" in fields else None
    options = fields["driver_opts"].pairs() if "driver_opts" in fields else {}
    kept = dict(_options(driver or "bridge", options))
    subnets, gateways = _pools(fields["ipam"]) if "ipam" in fields else ((), ())
    return Network(
        internal="internal" in fields and fields["internal"].boolean(),
        subnet=subnets,
        gateway=gateways,
        driver=driver if driver in {"macvlan", "ipvlan"} else None,
        ipv6="enable_ipv6" in fields and fields["enable_ipv6"].boolean(),
        options=kept,
    )


def _options(driver: str, options: Mapping[str, Item]) -> Iterator[tuple[str, str]]:
    """Yield the options of a driver as Podman has them; the others are noted."""
    known = {"com.docker.network.driver.mtu": "mtu", "mtu": "mtu"}
    known |= {"parent": "parent", "macvlan_mode": "mode", "ipvlan_mode": "mode"} if driver != "bridge" else {}
    for name, one in options.items():
        text = one.text()
        if name in known and text is not None and one.read(values.option_word) is not None:
            yield known[name], text
        else:
            one.drop("an option of docker's driver, which Podman has not")


def _pools(item: Item) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the subnets and the gateways of ``ipam``."""
    fields = item.fields()
    item.require(fields, "driver", "config", "options")
    for key in ("driver", "options"):
        if key in fields and fields[key].value != "default":
            fields[key].drop("Podman hands out the addresses")
    found: dict[str, str] = {}
    for pool in fields["config"].each() if "config" in fields else ():
        parts = pool.fields()
        pool.require(parts, "subnet", "gateway", "ip_range", "aux_addresses")
        for key in ("ip_range", "aux_addresses"):
            if key in parts:
                parts[key].drop("Podman chooses of the whole subnet")
        subnet = parts["subnet"].read(_loose_subnet) if "subnet" in parts else None
        if subnet is not None:
            found[subnet] = (parts["gateway"].read(strings.address) if "gateway" in parts else None) or ""
        elif "gateway" in parts:
            parts["gateway"].drop("Podman has a gateway for a subnet only")
    gateways = (given or _first(subnet) for subnet, given in found.items())
    return tuple(found), tuple(gateways) if any(found.values()) else ()


def _first(subnet: str) -> str:
    """Return the address that the host has in a subnet by default."""
    network = ipaddress.ip_network(subnet)
    return str(network[min(1, network.num_addresses - 1)])


def _loose_subnet(value: object) -> str:
    """Read a subnet as docker does, which takes one with bits of a host."""
    try:
        return str(ipaddress.ip_network(strings.word(value), strict=False))
    except ValueError:
        return values.subnet(value)


def resources(networks: dict[str, Node], used: set[str], context: Context, item: Item) -> None:
    """Say what becomes of the networks that the file describes."""
    for key, node in networks.items():
        entry = item.below(node, key)
        fields = entry.fields()
        name = context.network(key)
        if context.mode(key) is not None:
            continue
        if is_external(node):
            entry.change(
                f"external: Beacon's own network {name} takes its place; "
                "containers that are not Beacon's are not on it"
            )
        elif key not in used:
            entry.drop("no service that is imported is on it")
        for field, why in _RESOURCE_NOTES.items():
            if field in fields:
                fields[field].drop(why)
        entry.require(fields, "name", "external", *_READ, *_RESOURCE_NOTES)
        if "driver" in fields and fields["driver"].value not in _DRIVERS:
            fields["driver"].drop("a bridge takes its place")
        if described(key, context, item) != Network() and key in used:
            entry.change(
                f"by [network.{name}] of each service on it; the engine calls it {container_name(name)}, "
                "and keeps one that is there as it is"
            )
