"""Golden cases: a definition, an image and a host on one side, the files that come out on the other."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from beacon.definition.decode import decode
from beacon.definition.effective import effective
from beacon.definition.endpoints.loopback import with_loopback
from beacon.errors import DefinitionError
from beacon.model.image import ImageConfig, ImageHealth, Platform
from beacon.model.machine import Engine, EngineVersion, MachineFacts, Scope
from beacon.model.reference import Digest
from beacon.systemd.version import installed_version
from beacon.units.render import TEMPLATE_NAMES, ReleaseInput, render

HERE = Path(__file__).parent
TEMPLATES = {
    name: (HERE.parents[1] / "unit-templates" / name).read_text(encoding="utf-8") for name in TEMPLATE_NAMES
}
FAULTS = "faults.txt"
"""The expected outcome of a definition that cannot be written."""


@dataclass(frozen=True)
class Case:
    """A folder with definition.toml, image.json (an OCI configuration), facts.toml and expected/.

    facts.toml has the host, the ports of the loopback that the service was given, and whether the definition
    is private.

    The first word of a folder's name is the name of its service.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The case, as tests call it."""
        return self.folder.name

    @property
    def service(self) -> str:
        """The service."""
        return self.folder.name.partition("_")[0]

    @property
    def facts(self) -> MachineFacts:
        """The host."""
        facts = self._facts
        return MachineFacts(
            engine=Engine(facts.get("engine", "podman")),
            engine_version=EngineVersion.parse(facts["engine_version"]),
            systemd_version=facts.get("systemd_version", 257),
            platform=Platform.parse(facts.get("platform", "linux/amd64")),
            scope=Scope(facts.get("scope", "system")),
        )

    @property
    def _facts(self) -> dict[str, Any]:
        """What facts.toml says."""
        return tomllib.loads((self.folder / "facts.toml").read_text(encoding="utf-8"))

    def rendered(self, facts: MachineFacts | None = None) -> dict[str, str]:
        """Return what is rendered, for the case's own host or another: file → text, or the faults."""
        text = (self.folder / "definition.toml").read_text(encoding="utf-8")
        declared = decode(text, name=self.service, file=f"{self.service}.toml")
        filled = effective(declared, self._image())
        release = ReleaseInput(
            service=with_loopback(filled.service, self._ports()),
            declared=declared,
            own_check=filled.own_check,
            digest=Digest("sha256:" + "5" * 64),
            number=7,
            private=self._facts.get("private", False),
        )
        try:
            return {file.name: file.text for file in render(release, facts or self.facts, TEMPLATES)}
        except DefinitionError as error:
            return {FAULTS: "".join(f"{fault}\n" for fault in error.faults)}

    def expected(self) -> dict[str, str]:
        """Return what is expected: file → text."""
        return {
            file.name: file.read_bytes().decode() for file in sorted((self.folder / "expected").iterdir())
        }

    def acceptable(self) -> dict[str, str]:
        """Return what is expected, in the words of the systemd that is here, which is to accept it."""
        return self.rendered(replace(self.facts, systemd_version=installed_version()))

    def update(self) -> None:
        """Make what is rendered what is expected."""
        folder = self.folder / "expected"
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
        for name, text in self.rendered().items():
            (folder / name).write_bytes(text.encode())

    def _ports(self) -> dict[str, int]:
        """Return the ports of the loopback that the service has."""
        return dict(self._facts.get("ports", {}))

    def _image(self) -> ImageConfig:
        file = self.folder / "image.json"
        return read_image(json.loads(file.read_text(encoding="utf-8")) if file.exists() else {})


def all_cases() -> list[Case]:
    """Return every case, sorted."""
    return [Case(file.parent) for file in sorted(HERE.glob("*/definition.toml"))]


def read_image(document: Mapping[str, Any]) -> ImageConfig:  # any JSON
    """Return an OCI image configuration as the model has it."""
    config = document.get("config", {})
    check = config.get("Healthcheck")
    return ImageConfig(
        image_id=Digest("sha256:" + "1" * 64),
        platform=Platform(document.get("os", "linux"), document.get("architecture", "amd64")),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        env=dict(pair.split("=", 1) for pair in config.get("Env") or ()),
        exposed_ports=tuple(sorted(config.get("ExposedPorts") or ())),
        volumes=tuple(sorted(config.get("Volumes") or ())),
        health=None if check is None else _health(check),
        stop_signal=config.get("StopSignal"),
        labels=config.get("Labels") or {},
        user=config.get("User", ""),
        workdir=config.get("WorkingDir", ""),
    )


def _health(check: Mapping[str, Any]) -> ImageHealth:
    def seconds(key: str) -> float | None:
        return check[key] / 1e9 if key in check else None

    return ImageHealth(
        test=tuple(check["Test"]),
        interval=seconds("Interval"),
        timeout=seconds("Timeout"),
        start_period=seconds("StartPeriod"),
        retries=check.get("Retries"),
    )
