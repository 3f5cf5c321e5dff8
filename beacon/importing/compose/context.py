"""What converting one service may look at beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from beacon.importing.compose.files import Source
from beacon.importing.compose.project import Project, dependencies
from beacon.importing.draft import Draft
from beacon.importing.names import network_name, slug
from beacon.importing.node import Item, Node


class Context(Struct, frozen=True):
    """The project that the service is part of, and what its services are called now."""

    project: Project
    names: Mapping[str, str]
    source: Source
    unnamed: frozenset[str] = frozenset()
    """Volumes of the engine that never had a name; the service gets one of its own for each."""

    def resource_name(self, kind: Mapping[str, Node], key: str) -> str:
        """Return the engine's name of a volume, secret or config: as compose makes it."""
        node = kind.get(key)
        name = None if node is None else node.get("name")
        if name is not None and isinstance(name.value, str):
            return name.value
        if self.project.loose or (node is not None and is_external(node)):
            return key
        return f"{self.project.name}_{key}"

    def network(self, key: str) -> str:
        """Return Beacon's network for one of the project's."""
        node = self.project.networks.get(key)
        name = None if node is None else node.get("name")
        if name is not None and isinstance(name.value, str):
            return slug(name.value)
        if self.project.loose or (node is not None and is_external(node)):
            return slug(key)
        return network_name(self.project.name, key)

    @property
    def shares_default(self) -> bool:
        """Whether several services meet on the project's default network."""
        if "default" in self.project.networks:
            return True
        everyone = {**self.project.others, **self.project.services}
        return sum(_is_on_default(node) for node in everyone.values()) > 1

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
    return external is not None and external.value not in (False, None, "false")


def _is_on_default(node: Node) -> bool:
    if node.get("network_mode") is not None:
        return False
    networks = node.get("networks")
    if networks is None or networks.value is None:
        return True
    names = networks.value if isinstance(networks.value, dict) else [item.value for item in _items(networks)]
    return "default" in names


def _items(node: Node) -> list[Node]:
    return node.value if isinstance(node.value, list) else []
