"""The composition root with the parts of a machine in memory, for operations that nothing real is done by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from beacon.model.host import Engine, Scope
from beacon.model.image import ResolvedImage, Wish
from beacon.operations.caller import Caller
from beacon.operations.listener import Progress
from beacon.operations.machine import Machine
from beacon.registry.results import Resolution
from beacon.state.paths import Paths
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import PLATFORM, RENDERER, world


class OneImage:
    """Registries that all hold the same image."""

    def __init__(self, image: ResolvedImage | None) -> None:
        self._image = image

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        assert self._image is not None, "a registry is asked"
        return dict.fromkeys(wishes, self._image)


class Folders:
    """The folders of unit files, in memory."""

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine

    def read_all(self) -> dict[str, str]:
        return dict(self._machine.files)

    def read_plain(self) -> dict[str, str]:
        return {}


class StagedMachine(Machine):
    """The machine of root, with definitions below *folder* and all else in *machine*."""

    def __init__(self, machine: FakeMachine, folder: Path, image: ResolvedImage | None = None) -> None:
        super().__init__(Scope.SYSTEM, Caller(uid=0, environment={}, home=folder))
        self.paths = Paths(*(folder / name for name in ("etc", "state", "run", "quadlet", "units")))
        self.registry = OneImage(image)  # type: ignore[assignment]  # as much as is asked of it
        vars(self).update(
            _world=world(machine),
            store=machine,
            engine=machine,
            systemd=machine,
            renderer=RENDERER,
            units=Folders(machine),
            engine_kind=Engine.PODMAN,
            platform=PLATFORM,
            proxy=None,
        )


class Recorder:
    """A listener that remembers all it hears."""

    def __init__(self) -> None:
        self.heard: list[Progress] = []

    def hear(self, progress: Progress) -> None:
        self.heard.append(progress)
