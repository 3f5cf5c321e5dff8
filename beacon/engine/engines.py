"""Which engine runs a machine's containers, and which services still run on another."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol

from beacon.engine.firewall import LET_THROUGH, docker_drops
from beacon.errors import MachineError
from beacon.model.machine import Engine, Scope
from beacon.model.unit import MARK, engine_of, service_of_file


class Units(Protocol):
    """The folders of units."""

    def read_all(self) -> dict[str, str]:
        """Return name → text of all files that could be Beacon's."""

    def read_plain(self) -> dict[str, str]:
        """Return the same of plain units."""


class Engines:
    """The engines of one machine; *setting* is the one that its owner chose, in *file*."""

    def __init__(self, setting: Engine | None, units: Units, scope: Scope, file: Path) -> None:
        self._setting = setting
        self._units = units
        self._scope = scope
        self._file = file

    @cached_property
    def kind(self) -> Engine:
        """Which engine runs this machine's containers: the one that is set, else the one that is there.

        Where both are there it is Podman, unless the installed units run docker: the owner changes engines.
        Raises MachineError if there is none.
        """
        if self._setting is not None:
            return self._setting
        here = [engine for engine in Engine if shutil.which(engine.value) is not None]
        if not here:
            raise MachineError("neither podman nor docker is installed", hint="apt install podman")
        if len(here) == 1:
            return here[0]
        runs = {engine_of(text) for text in self._units.read_plain().values()}
        return Engine.DOCKER if Engine.DOCKER in runs else Engine.PODMAN

    @property
    def installed(self) -> Engine | None:
        """The chosen engine; None if there is none."""
        try:
            return self.kind
        except MachineError:
            return None

    def elsewhere(self, installed: Mapping[str, str] | None = None) -> dict[str, Engine]:
        """Return the services whose units run another engine than the chosen one, each with that engine.

        *installed* are the texts of the unit files, if they have been read already.
        """
        if installed is None:
            # Only a plain unit can run docker: where there are none, thousands of files need not be read.
            on_podman = self.kind is Engine.PODMAN
            installed = self._units.read_plain() if on_podman else self._units.read_all()
        runs = {
            service: engine_of(text)
            for name, text in installed.items()
            if (service := service_of_file(name)) is not None and text.startswith(MARK)
        }
        return {service: engine for service, engine in runs.items() if engine is not self.kind}

    def require_movable(self, installed: Mapping[str, str]) -> None:
        """Raise MachineError where *installed* services run on another engine and cannot be moved from it."""
        for other in sorted(set(self.elsewhere(installed).values())):
            if other is Engine.DOCKER and self._scope is Scope.SYSTEM and shutil.which("docker") is not None:
                self.require_reachable()
                continue
            raise MachineError(
                f"the services of this machine run on {other}, and their data is there: "
                f"they cannot go on with {self.kind}",
                hint=f'set engine = "{other}" in {self._file}, or remove the services first: '
                f"beacon rm --all keeps the data in {other}",
            )

    def require_reachable(self) -> None:
        """Raise MachineError where what comes from docker to Podman could not be reached there."""
        if docker_drops():
            raise MachineError(
                "docker's firewall drops what comes to Podman's containers: moved services could not "
                "be reached",
                hint=f"let it pass: {' && '.join(LET_THROUGH)}",
            )

    def require_here(self, name: str) -> None:
        """Raise MachineError where a service has not been moved yet to the chosen engine."""
        other = self.elsewhere().get(name)
        if other is not None:
            raise MachineError(
                f"{name} runs on {other}, and this machine is to run its services on {self.kind}",
                hint=f"beacon apply {name} moves it",
            )
