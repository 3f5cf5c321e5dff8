"""What converting one service may look at beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from beacon.formats.node import Node
from beacon.importing.compose.project import Project, dependencies
from beacon.importing.compose.reading.files import Source
from beacon.importing.draft import Draft
from beacon.importing.names import distinct, network_name, usable_network
from beacon.importing.node import Item
from beacon.model.endpoints.network import Network
from beacon.model.unit import container_name


class Context(Struct, frozen=True):
    """The project that the service is part of, and what its services are called now."""

    project: Project
    names: Mapping[str, str]
    source: Source
    networks: Mapping[str, Network] = field(default_factory=dict)
    """What the machine's definitions say of their networks; who joins one says the same."""
    unnamed: frozenset[str] = frozenset()
    """Volumes of the engine that never had a name; the service gets one of its own for each."""

    def resource_name(self, kind: Mapping[str, Node], key: str) -> str:
        """Return the engine's name of a volume, secret or config: as compose makes it."""
        given = _given_name(kind.get(key))
        if given:
            return given
        if self._is_engines_own(kind.get(key)):
            return key
        return f"{self.project.name}_{key}"

    def network(self, key: str) -> str:
        """Return Beacon's network for one of the project's, which is no other's."""
        name = self._network(key)
        for other in self.project.networks:
            if other == key:
                break
            if self._network(other) == name and self._network_text(other) != self._network_text(key):
                return distinct(self._network_text(key))
        return name

    def _network(self, key: str) -> str:
        given = _given_name(self.project.networks.get(key))
        if given or self._is_engines_own(self.project.networks.get(key)):
            return usable_network(given or key)
        return network_name(self.project.name, key)

    def mode(self, key: str) -> str | None:
        """Return the mode of the engine that a network of the project stands for, as ``host`` may."""
        node = self.project.networks.get(key)
        if node is None or self.project.loose:
            return None
        driver, text = node.get("driver"), self._network_text(key)
        return text if text in {"host", "none"} and (is_external(node) or driver is not None) else None

    def _network_text(self, key: str) -> str:
        """Return what compose calls a network."""
        return self.resource_name(self.project.networks, key)

    def _is_engines_own(self, node: Node | None) -> bool:
        return self.project.loose or (node is not None and is_external(node))

    @property
    def shares_default(self) -> bool:
        """Whether several services meet on the project's default network."""
        if "default" in self.project.networks:
            return True
        everyone = {**self.project.others, **self.project.services}
        return sum(_is_on_default(node) for node in everyone.values()) > 1

    def engine_network(self, name: str) -> str | None:
        """Return what the engine calls the network now that compose called *name*."""
        for key in (*self.project.networks, "default"):
            if name in {key, self._network_text(key)}:
                return container_name(self.network(key))
        return None

    def called(self, container: str) -> str | None:
        """Return the service whose container is called so."""
        for key, node in self.project.services.items():
            given = node.get("container_name")
            if given is not None and given.value == container:
                return self.names.get(key)
        return None

    def link_names(self, service: str) -> list[str]:
        """Return the names by which links of other services call *service*."""
        found: list[str] = []
        for node in self.project.services.values():
            links = node.get("links")
            for link in _items(links) if links is not None else ():
                other, _, alias = str(link.value).partition(":")
                if other == service and alias not in {"", service}:
                    found.append(alias)
        return list(dict.fromkeys(found))

    def is_job(self, service: str) -> bool:
        """Whether others wait for the end of *service*."""
        return any(
            condition is not None and condition.value == "service_completed_successfully"
            for node in self.project.services.values()
            if (said := dependencies(node).get(service)) is not None
            for condition in (said.get("condition"),)
        )


Handler = Callable[[Item, Draft, Context], None]


def is_external(node: Node) -> bool:
    """Whether a top-level resource is there already."""
    external = node.get("external")
    return external is not None and external.value not in (False, None, "false", "")


def _given_name(node: Node | None) -> str:
    """Return the name that a top-level resource says it has, in the older form too."""
    if node is None:
        return ""
    external = node.get("external")
    for place in (node, external):
        name = None if place is None else place.get("name")
        if name is not None and isinstance(name.value, str) and name.value:
            return name.value
    return ""


def _is_on_default(node: Node) -> bool:
    mode = node.get("network_mode")
    if mode is not None and mode.value:
        return False
    networks = node.get("networks")
    if networks is None or networks.value is None:
        return True
    names = networks.value if isinstance(networks.value, dict) else [item.value for item in _items(networks)]
    return "default" in names


def _items(node: Node) -> list[Node]:
    return node.value if isinstance(node.value, list) else []


_OPEN = {
    "environment",
    "labels",
    "annotations",
    "sysctls",
    "options",
    "storage_opt",
    "args",
    "command",
    "entrypoint",
}
"""Keys below which, or at which, an empty string is a value."""


def without_empty(node: Node) -> Node:
    """Return *node* without the keys that are empty, as after variables that are: compose has them unset."""
    if not isinstance(node.value, dict):
        return node
    return node.with_value(
        {
            key: item if key in _OPEN else without_empty(item)
            for key, item in node.value.items()
            if key in _OPEN or not isinstance(item.value, str) or item.value
        }
    )
