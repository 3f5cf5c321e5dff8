"""A first release that is cut off: what was added stays, for the next run to go on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from beacon.cli.host import Host
from beacon.cli.output import Output
from beacon.cli.workflow import add_service
from beacon.errors import HostError
from beacon.model.host import Engine, Scope
from beacon.model.image import Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import ServiceState
from beacon.model.runtime import JobResult
from beacon.registry.results import Resolution
from beacon.rollout.deploy import resume
from beacon.state.paths import Paths
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import RENDERER, push, world


class FullDisk(FakeMachine):
    """A machine whose disk is full when the health gate is to be written down."""

    def save(self, state: ServiceState) -> None:
        """Save, but for one thing."""
        if state.rollout is not None and state.rollout.phase == "gating" and self.full_disk:
            raise HostError("cannot write the state: No space left on device")
        super().save(state)

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        """Start it, on the last bytes of the disk."""
        self.full_disk = True
        return super().restart(unit, limit, hopeless)


class GoingDown(FakeMachine):
    """A machine that is shut down while a service starts for the first time."""

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        """Fail, as all that starts does then."""
        self.log.append(f"restart {unit}")
        if len(self.log) > len(set(self.log)):
            return super().restart(unit, limit, hopeless)
        self.going_down = True
        return JobResult.FAILED


class OutOfSpace(FakeMachine):
    """A machine that cannot pull."""

    def pull(self, image: ImageReference, progress: Callable[[str], None]) -> Digest:
        """Refuse."""
        progress("Copying blob")
        raise HostError(f"cannot pull {image}: the disk is full")


def adding(machine: FakeMachine, folder: Path) -> Host:
    """Return a host on *machine*, whose registry has one image."""
    image = push(machine, "1")

    def resolve(wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        return dict.fromkeys(wishes, image)

    host = Host(Scope.SYSTEM, Output())
    host.paths = Paths(*(folder / name for name in ("etc", "state", "run", "quadlet", "units")))
    vars(host).update(
        store=machine,
        world=world(machine),
        engine=machine,
        systemd=machine,
        renderer=RENDERER,
        registry=SimpleNamespace(resolve=resolve),
        units=SimpleNamespace(read_all=lambda: dict(machine.files), read_plain=dict),
        engine_kind=Engine.PODMAN,
    )
    return host


def add(host: Host) -> Outcome:
    (outcome,) = add_service(
        host, "web", "registry.example/me/web:latest", ports=(), env=(), volumes=(), start=True
    )
    return outcome


@pytest.mark.parametrize("made", [FullDisk, GoingDown])
def test_what_was_begun_is_kept(made: type[FakeMachine], tmp_path: Path) -> None:
    machine = made()
    host = adding(machine, tmp_path)
    assert add(host).kind in {OutcomeKind.FAILED, OutcomeKind.DEFERRED}
    assert host.definition_path("web").exists()
    assert machine.load("web").rollout is not None
    machine.full_disk = machine.going_down = False
    resume(world(machine), ["web"])
    assert machine.load("web").live == 1


def test_what_was_not_even_pulled_is_as_if_it_had_never_been_asked_for(tmp_path: Path) -> None:
    machine = OutOfSpace()
    host = adding(machine, tmp_path)
    assert add(host).kind is OutcomeKind.FAILED
    assert not host.definition_path("web").exists()
    assert (machine.saved, machine.files, machine.local) == ({}, {}, {})
