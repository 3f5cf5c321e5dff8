"""The composition root with the parts of a machine in memory, for operations that nothing real is done by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace as replaced
from pathlib import Path

from msgspec.structs import replace

from beacon.definition.settings import Settings
from beacon.engine.engines import Engines
from beacon.model.image import ResolvedImage
from beacon.model.machine import Engine, Scope
from beacon.model.runtime import Unwell
from beacon.model.unit import service_of_file
from beacon.operations.caller import Caller
from beacon.operations.listener import Progress
from beacon.operations.machine import Machine
from beacon.rollout.allotting.allotment import Allotment
from beacon.state.paths import Paths
from tests.fakes.foreign import OldContainers
from tests.fakes.machine import FakeMachine
from tests.fakes.registry import OneImage
from tests.fakes.secrets import FakeSecrets
from tests.fakes.stage import PLATFORM, RENDERER, tools


class Folders:
    """The folders of unit files, in memory."""

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine

    def read_all(self) -> dict[str, str]:
        return dict(self._machine.files)

    def read_plain(self) -> dict[str, str]:
        return {}

    def strangers(self, known: Collection[str]) -> set[str]:
        services = {service for name in self._machine.files if (service := service_of_file(name))}
        return services - set(known)


class StagedMachine(Machine):
    """The machine of root, with definitions below *folder* and all else in *machine*."""

    def __init__(self, machine: FakeMachine, folder: Path, image: ResolvedImage | None = None) -> None:
        super().__init__(Scope.SYSTEM, Caller(uid=0, environment={}, home=folder))
        self.paths = Paths(*(folder / name for name in ("etc", "state", "run", "quadlet", "units")))
        self.machine = machine
        self.containers = OldContainers()
        self.registry = OneImage(image)  # type: ignore[assignment]  # as much as is asked of it
        vars(self).update(
            tools=tools(machine),
            store=machine,
            engine=machine,
            systemd=machine,
            foreign=self.containers,
            renderer=RENDERER,
            units=Folders(machine),
            engines=Engines(Engine.PODMAN, Folders(machine), Scope.SYSTEM, folder / "etc/beacon.toml"),
            platform=PLATFORM,
            proxy=None,
            is_proxied=False,
            _log=lambda event, _: machine.events.append(event),
        )

    def keep_secrets(self) -> FakeSecrets:
        """Have Beacon keep secrets here, and its releases name their versions; return them: none yet."""
        secrets = FakeSecrets()
        chosen = (lambda *_: True, lambda _: False, secrets)
        allotment = Allotment(self.machine, Settings(), None, self.definition_files, *chosen)
        vars(self).update(
            secrets=secrets,
            tools=replaced(self.tools, secrets=secrets),
            renderer=replace(RENDERER, allot=allotment.allot),
        )
        return secrets

    def unwell(self) -> Unwell:
        units = self.machine.units.items()
        return Unwell(
            frozenset(name for name, unit in units if unit.active in {"failed", "inactive"}),
            frozenset(name for name, unit in units if unit.sub == "auto-restart"),
        )


class Recorder:
    """A listener that remembers all it hears."""

    def __init__(self) -> None:
        self.heard: list[Progress] = []

    def hear(self, progress: Progress) -> None:
        self.heard.append(progress)
