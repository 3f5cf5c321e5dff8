"""What a rollout needs of the world. The real ones are in engine, systemd, registry and state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from beacon.errors import BeaconError
from beacon.model.event import Event
from beacon.model.image import ImageConfig, Wish
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import ServiceState
from beacon.model.runtime import Container, EngineVolume, JobResult, LastJob, UnitState
from beacon.registry.results import CheckResult, Resolution

Progress = Callable[[str], None]
"""Told in the engine's own lines how a pull comes along."""


class Engine(Protocol):
    """The container engine, as far as rollouts go. Failures are HostError or RegistryError."""

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        """Fetch the image named by digest, to run with the registry out of reach too; return its id."""

    def image_folder(self, image: ImageReference) -> str:
        """Return a folder on the file system that has an image on disk; empty where that is not told."""

    def guard(self, image: ImageReference) -> None:
        """Keep other users from what the engine writes down of containers, beside an *image* on disk."""

    def flush(self, folder: str) -> None:
        """Have all that was fetched to the file system of *folder* on the disk, also for a power cut."""

    def image_config(self, image: ImageReference) -> ImageConfig | None:
        """Return what an image on disk says of itself; None where it is not there."""

    def images(self) -> Mapping[str, Digest]:
        """Return name → id of all images on disk, each under every name that it runs by: one listing."""

    def keep(self, image_id: Digest, service: str, release: int) -> None:
        """Mark an image as needed by a release, so that pruning leaves it alone."""

    def kept(self) -> Mapping[str, Mapping[int, Digest]]:
        """Return service → release → image id of every mark of :meth:`keep`."""

    def let_go(self, service: str, release: int) -> None:
        """Take the mark of a release off."""

    def remove_image(self, image: ImageReference) -> bool:
        """Take the name *image* off, and the image with its last name; False where it is in use."""

    def containers(self) -> Mapping[str, Container]:
        """Return Beacon's running containers by service."""

    def remove_network(self, name: str) -> None:
        """Delete a network that no container is on."""

    def make_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a network unless it is there."""

    def volume(self, name: str) -> EngineVolume | None:
        """Return what is known of a volume, or None where there is none of that name."""

    def users(self, volume: str) -> Mapping[str, bool]:
        """Return the containers that mount a volume, and whether each runs."""

    def holds_data(self, source: str, inside: str = "") -> bool:
        """Say whether a volume, or a folder of the host, or its folder *inside*, has data in it."""

    def make_volume(self, name: str, labels: Mapping[str, str], source: str | None = None) -> None:
        """Make a volume, with a copy of all that is in the folder *source*."""

    def secure_volume(self, name: str) -> None:
        """See that a volume outlives the containers that mount it."""

    def release_volume(self, name: str) -> None:
        """Take back what :meth:`secure_volume` did; the volume stays."""

    def remove_volume(self, name: str) -> None:
        """Delete a volume with its data."""

    def address(self, service: str) -> str:
        """Return the address of the service's container on the engine's network; empty where it has none."""


class Systemd(Protocol):
    """The service manager. Only what concerns the unit in question ever raises."""

    def reload(self) -> None:
        """Have unit files read again (daemon-reload)."""

    def states(self, units: Iterable[str]) -> Mapping[str, UnitState]:
        """Return the state of each unit; unknown ones come back as not-found."""

    def listed(self, pattern: str) -> Mapping[str, UnitState]:
        """Return the loaded units that match *pattern*, without what only services have: one listing."""

    def start(self, unit: str, limit: float) -> JobResult:
        """Start, and wait for the job *limit* seconds at the most."""

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        """Restart, and wait for the job, as long as it is not *hopeless*."""

    def stop(self, unit: str, limit: float) -> JobResult:
        """Stop, and wait for the job."""

    def reset_failed(self, unit: str) -> None:
        """Forget failures and the start limit, which would refuse the next start otherwise."""

    def wait_idle(self, unit: str, limit: float) -> None:
        """Wait until no job is queued for the unit, *limit* seconds at the most."""

    def is_going_down(self) -> bool:
        """Say whether the machine is being shut down, or the service manager is gone already."""

    def last_words(self, unit: str) -> str:
        """Return the last line that the unit's own processes wrote, or nothing."""

    def dependents(self, unit: str) -> tuple[str, ...]:
        """Return the units that are up and that stop when *unit* does, near and far."""

    def requirements(self, unit: str) -> tuple[str, ...]:
        """Return the units without which *unit* does not start."""

    def last_job(self, unit: str) -> LastJob | None:
        """Return the job of *unit* that ended last in this boot; None where nobody knows."""


class Files(Protocol):
    """The folder of unit files."""

    def read(self, name: str) -> str | None:
        """Return the text of a file, or None."""

    def put(self, name: str, text: str | None) -> None:
        """Write a file atomically, or remove it."""

    def guard(self, name: str) -> None:
        """Let those read a file who may read the definition that it was made of."""

    def is_customised(self, service: str) -> bool:
        """Say whether the owner has drop-ins for the unit of *service*, which no other unit has."""


class PortRecord(Protocol):
    """Which ports of the loopback services have."""

    def ports(self) -> Mapping[str, Mapping[str, int]]:
        """Return service → the container's port (``8080/tcp``) → port of the loopback."""


class Store(PortRecord, Protocol):
    """What is remembered."""

    def names(self) -> tuple[str, ...]:
        """Return the services of which something is remembered."""

    def domains(self) -> Mapping[str, str]:
        """Return service → the domain that was chosen for it."""

    def load(self, name: str) -> ServiceState:
        """Return the state of a service."""

    def save(self, state: ServiceState) -> None:
        """Replace it durably."""

    def remove(self, name: str) -> None:
        """Forget a service."""

    def lock(self, name: str, *, wait: float = 0.0) -> AbstractContextManager[None]:
        """Return the lock of a service; BusyError when another process has it."""


class Traffic(Protocol):
    """The proxy in front of the services, as far as it can be steered without a reload."""

    def leads_to(self, service: str, ports: Iterable[int]) -> bool:
        """Say whether requests for *service* come by the proxy, which knows all of *ports*."""

    def go_ahead(self, service: str, *, ahead: bool) -> None:
        """Send new requests to the second ports of *service*, or back to the first."""

    def hold(self, service: str, *, held: bool) -> None:
        """Have new requests wait where *service* does not answer, or no longer so."""

    def connections(self, places: Iterable[tuple[str, int]]) -> int:
        """Return how many connections to addresses and ports of this machine are open."""

    def websockets(self, ports: Iterable[int]) -> int:
        """Return how many of those to *ports* are websockets, as far as that can be told."""


class Clock(Protocol):
    """Time."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def now(self) -> datetime:
        """Return the wall clock's time, with the local time zone."""


class Probe(Protocol):
    """Looks at a service from outside."""

    def http(self, address: str, port: int, path: str, timeout: float) -> str | None:
        """GET; None when the status is below 400, else what is wrong in a few words."""

    def tcp(self, address: str, port: int, timeout: float) -> str | None:
        """Connect; None when that works, else what is wrong."""


class HookRunner(Protocol):
    """Runs the owner's commands."""

    def run(self, command: tuple[str, ...], environment: Mapping[str, str], timeout: float) -> str | None:
        """Run *command*; None when it exits 0, else what went wrong."""


class Reporter(Protocol):
    """Hears what happens: the system journal, and the person at the terminal."""

    def event(self, event: Event) -> None:
        """Tell of a decision."""

    def note(self, service: str, line: str) -> None:
        """Tell the person at the terminal something that is no decision."""

    def pulling(self, service: str, image: ImageReference) -> AbstractContextManager[Progress]:
        """Tell that a pull goes on while the block runs; what is yielded takes the engine's lines."""


class Registry(Protocol):
    """Registries, as far as releases go."""

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        """Return the digest that each reference names now, or why that is not known; never raises."""

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        """Return the image of each wish, or why it cannot be had; never raises."""

    def tags(
        self, references: Iterable[ImageReference]
    ) -> Mapping[ImageReference, tuple[str, ...] | BeaconError]:
        """Return the tags of each repository, or why they cannot be told; never raises."""
