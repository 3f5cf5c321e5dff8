"""Compose files → one mapping each: read, with variables replaced, paths absolute and extends followed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from beacon.definition.grammar.strings import did_you_mean, key_path, shown
from beacon.formats.node import Node, Place
from beacon.formats.yaml import read_documents
from beacon.importing.compose.reading.dotenv import parse_env
from beacon.importing.compose.reading.interpolate import interpolate
from beacon.importing.compose.reading.merge import merge
from beacon.importing.node import Log
from beacon.model.machine import Engine


class Source(Struct, frozen=True):
    """Where files come from: *read* returns a text, None where there is none, and raises ValueError."""

    read: Callable[[str], str | None]
    exists: Callable[[str], bool]
    environment: Mapping[str, str]
    folder: str
    """The working directory."""
    engine: Engine = Engine.PODMAN
    """What is to run the services."""
    engine_socket: str = "/run/podman/podman.sock"
    """What takes the place of docker's."""

    def absolute(self, path: str, folder: str) -> str:
        """Return *path* as seen from *folder*."""
        if path == "~" or path.startswith("~/"):
            path = self.environment.get("HOME", "/root") + path[1:]
        return posixpath.normpath(posixpath.join(folder, path))

    def text(self, path: str, place: Place, key: str, log: Log, what: str = "file") -> str | None:
        """Return the text of a file that must be there; its absence is a fault."""
        try:
            text = self.read(path)
        except ValueError as error:
            log.fault(place, key, f"must name a {what} that can be read: {path}: {error}")
            return None
        if text is None:
            log.fault(place, key, f"must name a {what} that is there; there is no {path}")
        return text

    def variables(self, paths: tuple[str, ...], log: Log, *, required: bool) -> dict[str, str]:
        """Return the variables for ``${…}``: those of *paths*, and over them the environment's."""
        found: dict[str, str] = {}
        for path in paths:
            if not required and not self.exists(path):
                continue
            text = self.text(path, Place(path), "", log, "file of variables")
            if text is None:
                continue
            try:
                found |= parse_env(text, {**found, **self.environment})
            except ValueError as error:
                log.fault(Place(path), "", str(error))
        return {**found, **self.environment}


@dataclass(slots=True)
class Reader:
    """Reads compose files with one set of variables; each file once."""

    source: Source
    variables: Mapping[str, str]
    log: Log
    _read: dict[tuple[str, str], Node | None] = field(default_factory=dict)

    def file(self, path: str, place: Place, folder: str, key: str = "") -> Node | None:
        """Return the mapping that a file holds, its paths seen from *folder*; or None with a fault."""
        if (path, folder) not in self._read:
            self._read[path, folder] = self._file(path, place, folder, key)
        return self._read[path, folder]

    def extended(self, path: str, root: Node) -> Node:
        """Return *root* with each service's extends followed."""
        services = root.get("services")
        if services is None or not isinstance(services.value, dict) or not isinstance(root.value, dict):
            return root
        done = {name: self._service(path, services.value, name, ()) for name in services.value}
        return root.with_value({**root.value, "services": services.with_value(dict(done))})

    def _file(self, path: str, place: Place, folder: str, key: str) -> Node | None:
        text = self.source.text(path, place, key, self.log)
        if text is None:
            return None
        whole: Node | None = None
        for root in read_documents(text, path, self.log):  # each goes over those before it
            if not isinstance(root.value, dict):
                self.log.fault(
                    root.place, "", f"must be a mapping with the key services, not {shown(_kind(root))}"
                )
                return None
            read = _Paths(self.source, folder).root(interpolate(root, self.variables, self.log))
            whole = read if whole is None else merge(whole, read)
        return whole

    def _service(
        self, path: str, services: Mapping[str, Node], name: str, chain: tuple[tuple[str, str], ...]
    ) -> Node:
        node = services[name]
        extends = node.get("extends")
        if extends is None or not isinstance(node.value, dict):
            return node
        own = node.with_value({key: value for key, value in node.value.items() if key != "extends"})
        here = (path, name)
        key = key_path("services", name, "extends")
        if here in chain:
            way = " → ".join([*(one for _, one in chain[chain.index(here) :]), name])
            self.log.fault(extends.place, key, f"must not form a cycle: {way}")
            return own
        target = self._target(path, extends, key)
        if target is None:
            return own
        file, other = target
        if file == path:
            candidates: Mapping[str, Node] = services
        else:
            root = self.file(file, extends.place, posixpath.dirname(file), f"{key}.file")
            found = None if root is None else root.get("services")
            if root is None:
                return own
            candidates = found.value if found is not None and isinstance(found.value, dict) else {}
        if other not in candidates:
            near = did_you_mean(other, list(candidates))
            self.log.fault(extends.place, key, f"must name a service of {file}, not {other!r}{near}")
            return own
        base = self._service(file, candidates, other, (*chain, here))
        return merge(base, own)

    def _target(self, path: str, extends: Node, key: str) -> tuple[str, str] | None:
        if isinstance(extends.value, str):
            return path, extends.value
        service, file = extends.get("service"), extends.get("file")
        if service is None or not isinstance(service.value, str):
            self.log.fault(extends.place, key, "must name a service: {service: NAME, file: FILE}")
            return None
        return (str(file.value) if file is not None else path), service.value


def _kind(node: Node) -> object:
    return [] if isinstance(node.value, list) else node.value


_REMOTE = re.compile(r"[a-z]+://|git@|github\.com/")
"""What begins the context of a build that is no folder."""


class _Paths:
    """Makes the paths of one file absolute, against a folder."""

    def __init__(self, source: Source, folder: str) -> None:
        self._source = source
        self._folder = folder

    def root(self, root: Node) -> Node:
        fields = _fields(root)
        for key in ("secrets", "configs"):
            if key in fields:
                fields[key] = _each(fields[key], lambda node: self._at(node, "file"))
        if "volumes" in fields:
            fields["volumes"] = _each(fields["volumes"], self._device)
        if "services" in fields:
            fields["services"] = _each(fields["services"], self._service)
        return root.with_value(fields)

    def _service(self, node: Node) -> Node:
        if not isinstance(node.value, dict):
            return node
        fields = dict(node.value)
        for key in ("env_file", "label_file"):
            if key in fields:
                fields[key] = self._paths(fields[key])
        if "build" in fields:
            fields["build"] = self._build(fields["build"])
        if "extends" in fields:
            fields["extends"] = self._at(fields["extends"], "file")
        if "volumes" in fields and isinstance(fields["volumes"].value, list):
            volumes = [self._volume(volume) for volume in fields["volumes"].value]
            fields["volumes"] = fields["volumes"].with_value(volumes)
        return node.with_value(fields)

    def _build(self, node: Node) -> Node:
        context = node if isinstance(node.value, str) else node.get("context")
        if context is None or _REMOTE.match(str(context.value)):
            return node
        return self._absolute(node) if context is node else self._at(node, "context")

    def _paths(self, node: Node) -> Node:
        if isinstance(node.value, list):
            return node.with_value([self._paths(item) for item in node.value])
        return self._absolute(node) if isinstance(node.value, str) else self._at(node, "path")

    def _volume(self, node: Node) -> Node:
        if isinstance(node.value, str):
            source, colon, rest = node.value.partition(":")
            if colon and source.startswith((".", "~")):
                return node.with_value(f"{self._source.absolute(source, self._folder)}:{rest}")
            return node
        sort = node.get("type")
        return self._at(node, "source") if sort is not None and sort.value == "bind" else node

    def _device(self, node: Node) -> Node:
        options = node.get("driver_opts")
        device = None if options is None else options.get("device")
        if device is None or options is None or not str(device.value).startswith((".", "~")):
            return node
        return node.with_value({**_fields(node), "driver_opts": self._at(options, "device")})

    def _at(self, node: Node, key: str) -> Node:
        found = node.get(key)
        if found is None or not isinstance(node.value, dict):
            return node
        return node.with_value({**node.value, key: self._absolute(found)})

    def _absolute(self, node: Node) -> Node:
        if not isinstance(node.value, str) or not node.value:
            return node
        return node.with_value(self._source.absolute(node.value, self._folder))


def _fields(node: Node) -> dict[str, Node]:
    return dict(node.value) if isinstance(node.value, dict) else {}


def _each(node: Node, change: Callable[[Node], Node]) -> Node:
    if not isinstance(node.value, dict):
        return node
    return node.with_value({key: change(item) for key, item in node.value.items()})
