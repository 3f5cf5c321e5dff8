"""Containers that are not Beacon's, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from beacon.errors import UsageError


@dataclass
class OldContainer:
    """A container of an engine, as its owner ran it by hand."""

    name: str
    image_name: str = "registry.example/me/web:latest"
    engine: str = "podman"
    volumes: dict[str, str] = field(default_factory=dict)
    """Path → volume."""
    labels: dict[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    """What is in a layer of its own."""
    last_words: tuple[str, ...] = ()
    """What it writes there when it ends."""
    restart: str = ""
    is_running: bool = True
    runs: bool = True
    log: list[str] = field(default_factory=list)
    """What was done to it."""
    effect: Callable[[str], object] = str
    """Is told each thing before it is done."""

    @property
    def is_gone(self) -> bool:
        """Whether it was deleted."""
        return "remove" in self.log

    @property
    def inspected(self) -> Mapping[str, object]:
        mounts = [
            {"Type": "volume", "Name": name, "Destination": path, "RW": True}
            for path, name in self.volumes.items()
        ]
        config = {"Image": self.image_name, "Labels": self.labels}
        return {"Name": self.name, "Config": config, "Mounts": mounts}

    def image(self) -> Mapping[str, object]:
        return {}

    def layer(self) -> tuple[str, ...]:
        return self.paths

    def let_lie(self) -> None:
        self._do("let lie")
        self.runs = False
        self.paths += self.last_words

    def bring_back(self, restart: str, *, start: bool) -> None:
        self._do(f"bring back {restart}".strip())
        self.runs = start

    def remove(self) -> None:
        self._do("remove")

    def _do(self, what: str) -> None:
        self.effect(f"{what} {self.name}")
        self.log.append(what)


@dataclass
class OldContainers:
    """The containers of both engines, by name."""

    there: dict[str, OldContainer] = field(default_factory=dict)

    def find(self, name: str, engine: str | None = None) -> OldContainer:
        if name not in self.there:
            raise UsageError(f"there is no container {name!r} in {engine or 'podman nor docker'}")
        return self.there[name]

    def get(self, engine: str, name: str) -> OldContainer | None:
        found = self.there.get(name)
        return found if found is not None and found.engine == engine and not found.is_gone else None
