"""One compose file over another, by the specification's rules (13-merge.md)."""

from __future__ import annotations

from collections.abc import Callable

from beacon.formats.node import Node

_REPLACED = {"command", "entrypoint", "test"}
"""Lists that the later file replaces as a whole, and takes away with a null."""
_PAIRS = {"environment", "labels", "annotations", "sysctls", "args", "driver_opts"}
_NAMED = {"depends_on", "networks", "models"}
"""Lists of names that are also mappings."""


def merge(base: Node, over: Node, key: str = "") -> Node:
    """Return *base* with *over* on top; *key* is the key that both are the value of."""
    if over.tag == "!override":
        return Node(over.value, over.place)
    if key == "extra_hosts" and {type(base.value), type(over.value)} <= {dict, list}:
        return over.with_value(_appended(_host_lines(base), _host_lines(over), _host))
    if key in _PAIRS | _NAMED:
        base, over = _as_mapping(base, key), _as_mapping(over, key)
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        if key == "logging" and _driver(base) != _driver(over) and over.get("driver") is not None:
            return over
        return over.with_value(_merged_fields(base.value, over.value))
    if key in {"dns", "dns_search", "env_file", "tmpfs", "label_file"}:
        base, over = _as_list(base), _as_list(over)
    if isinstance(base.value, list) and isinstance(over.value, list) and key not in _REPLACED:
        return over.with_value(_appended(base.value, over.value, _IDENTITIES.get(key, _itself)))
    return base if over.value is None and key not in _REPLACED else over


def without_resets(node: Node) -> Node:
    """Return *node* without what ``!reset`` takes away, and without tags."""
    match node.value:
        case dict() as fields:
            kept = {key: without_resets(item) for key, item in fields.items() if item.tag != "!reset"}
            return Node(kept, node.place)
        case list() as items:
            return Node([without_resets(item) for item in items if item.tag != "!reset"], node.place)
        case scalar:
            return Node(scalar, node.place)


def _merged_fields(base: dict[str, Node], over: dict[str, Node]) -> dict[str, Node]:
    merged = dict(base)
    for key, node in over.items():
        if node.tag == "!reset":
            merged.pop(key, None)
        else:
            merged[key] = merge(base[key], node, key) if key in base else node
    return merged


def _as_mapping(node: Node, key: str) -> Node:
    if not isinstance(node.value, list):
        return node
    fields: dict[str, Node] = {}
    for item in node.value:
        if not isinstance(item.value, str):
            return node
        if key in _NAMED:
            started = {"condition": item.with_value("service_started")} if key == "depends_on" else None
            fields[item.value] = item.with_value(started)
            continue
        name, found, value = item.value.partition("=")
        fields[name] = item.with_value(value if found else None)
    return node.with_value(fields)


def _host_lines(node: Node) -> list[Node]:
    """Return lines of hosts as a list has them: a name may have several."""
    if not isinstance(node.value, dict):
        return node.value if isinstance(node.value, list) else []
    return [
        address.with_value(f"{name}={address.value}")
        for name, one in node.value.items()
        for address in (one.value if isinstance(one.value, list) else [one])
    ]


def _host(node: Node) -> object:
    text = str(node.value)
    return tuple(text.partition("=" if "=" in text else ":")[::2])


def _as_list(node: Node) -> Node:
    return node.with_value([node]) if isinstance(node.value, str | dict) else node


def _appended(base: list[Node], over: list[Node], identity: Callable[[Node], object]) -> list[Node]:
    """Return both, each thing once: the later file's, at the earlier one's place."""
    found: dict[object, Node] = {}
    for node in (*base, *over):
        found[identity(node)] = node
    return list(found.values())


def _driver(node: Node) -> object:
    driver = node.get("driver")
    return None if driver is None else driver.value


def _plain(node: Node | None) -> str:
    return "" if node is None else str(node.value)


def _itself(node: Node) -> object:
    return node.value if isinstance(node.value, str | int | float) else id(node)


def _target(node: Node) -> object:
    """Return the path in the container of a volume."""
    if isinstance(node.value, str):
        parts = node.value.split(":")
        return parts[0] if len(parts) == 1 else parts[1]
    return _plain(node.get("target")) or id(node)


def _port(node: Node) -> object:
    if isinstance(node.value, dict):
        parts = ("host_ip", "published", "target", "protocol")
        ip, published, target, protocol = (_plain(node.get(part)) for part in parts)
    else:
        host, _, container = str(node.value).rpartition(":")
        ip, _, published = host.rpartition(":")
        target, _, protocol = container.partition("/")
    return ip, published, target, protocol or "tcp"


def _source(node: Node) -> object:
    if isinstance(node.value, str):
        return node.value
    return _plain(node.get("target")) or _plain(node.get("source")) or id(node)


_IDENTITIES: dict[str, Callable[[Node], object]] = {
    "volumes": _target,
    "devices": _target,
    "ports": _port,
    "secrets": _source,
    "configs": _source,
}
