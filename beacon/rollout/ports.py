"""What a rollout needs of the machine. The real ones are in engine, systemd, registry and state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from beacon.errors import BeaconError
from beacon.model.event import Event
from beacon.model.image import ImageConfig, Layer, Wish
from beacon.model.machine import Engine as EngineKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import ServiceState
from beacon.model.rollout.former import FormerRollout
from beacon.model.rollout.halt import Halt
from beacon.model.rollout.record import Rollout, StepKind
from beacon.model.runtime import Container, EngineVolume, JobResult, LastExit, LastJob, UnitState, Usage
from beacon.registry.results import CheckResult, Resolution
from beacon.state.store import Adoption

Progress = Callable[[int | None], None]
"""Is called with how many bytes of a pull have come; None where that is not known."""
Tally = Callable[[int | None, int | None], None]
"""Is called with the same, and how many bytes there are to come in all, where that is known."""


class Engine(Protocol):
    """The container engine, as far as rollouts go. Failures are MachineError or RegistryError."""

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        """Fetch the image named by digest, to run with the registry out of reach too; return its id."""

    def missing(self, layers: Sequence[Layer]) -> int:
        """Return how many bytes of *layers* a pull fetches: of those that no image on disk has."""

    def image_folder(self, image: ImageReference) -> str:
        """Return a folder on the file system that has an image on disk; empty where that is not known."""

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

    def untag(self, service: str, release: int) -> None:
        """Take the mark of a release off."""

    def remove_image(self, image: ImageReference) -> bool:
        """Take the name *image* off, and the image with its last name; False where it is in use."""

    def containers(self) -> Mapping[str, Container]:
        """Return Beacon's running containers by service."""

    def remove_network(self, name: str) -> None:
        """Delete a network that no container is on."""

    def secrets(self) -> Collection[str]:
        """Return the names of the secrets that there are."""

    def secret_changes(self, names: Collection[str]) -> Mapping[str, datetime]:
        """Return when each of the secrets *names*, which are there, got its value."""

    def make_network(self, name: str, options: Sequence[str]) -> None:
        """Make a network unless it is there."""

    def volume(self, name: str) -> EngineVolume | None:
        """Return what is known of a volume, or None where there is none of that name."""

    def volume_sizes(self, service: str, others: Iterable[str]) -> Mapping[str, int | None]:
        """Return how many bytes the data of each volume of *service*, and of *others*, takes."""

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

    def last_exit(self, unit: str) -> LastExit | None:
        """Return how the unit's main process failed last, or None where nobody knows."""

    def dependents(self, unit: str) -> tuple[str, ...]:
        """Return the units that are up and that stop when *unit* does, near and far."""

    def requirements(self, unit: str) -> tuple[str, ...]:
        """Return the units without which *unit* does not start."""

    def boot_id(self) -> str:
        """Return what is another with each boot."""

    def next_elapse(self, timer: str) -> int:
        """Return when *timer* elapses next, in microseconds since 1970; 0 if that is not known."""

    def usage(self, unit: str) -> Usage:
        """Return what *unit* takes, a service or a slice."""

    def failing_since(self, units: Collection[str]) -> Mapping[str, int]:
        """Return since when units are started again and again, in microseconds since 1970."""

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


class StateStore(PortRecord, Protocol):
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

    def halt(self, name: str) -> Halt | None:
        """Return what its owner waits to do with a service, if anything."""

    def rollout(self, name: str) -> Rollout | FormerRollout | None:
        """Return the record of the rollout that is under way; None if there is none."""

    def save_rollout(self, rollout: Rollout) -> None:
        """Replace it durably."""

    def remove_rollout(self, name: str) -> None:
        """Forget it: the state of its service says how it ended."""

    def is_partial(self, image: Digest) -> bool:
        """Say whether a pull of an image began of which nobody knows that all of it is on the disk."""

    def mark_partial(self, image: Digest, *, partial: bool) -> None:
        """Note durably that a pull of an image begins, or forget that once all of it is on the disk."""


class AdoptionRecord(Protocol):
    """The adoptions of containers that are under way, or were when a kill interrupted them."""

    def adoptions(self) -> tuple[Adoption, ...]:
        """Return all of them."""

    def save_adoption(self, adoption: Adoption) -> None:
        """Note one, durably, before anything of it is done."""

    def remove_adoption(self, adoption: Adoption) -> None:
        """Forget one: the service stands, or the container is back."""


class OldContainer(Protocol):
    """A container that is not Beacon's, and that a service is to take the place of."""

    @property
    def name(self) -> str:
        """What its engine calls it."""

    @property
    def engine(self) -> str:
        """Which engine has it."""

    @property
    def is_running(self) -> bool:
        """Whether it ran when it was looked at."""

    @property
    def restart(self) -> str:
        """The policy by which its engine starts it at boot; empty where it does not."""

    @property
    def volumes(self) -> Mapping[str, str]:
        """Path → volume."""

    def layer(self) -> tuple[str, ...]:
        """Return the paths that it added, changed or deleted in a layer of its own."""

    def let_lie(self) -> None:
        """Stop it, and have no boot start it again."""

    def bring_back(self, restart: str, *, start: bool) -> None:
        """Undo that."""

    def remove(self) -> None:
        """Delete it; its volumes stay."""


class Traffic(Protocol):
    """The proxy in front of the services, as far as it can be steered without a reload."""

    def leads_to(self, service: str, ports: Iterable[int]) -> bool:
        """Say whether requests for *service* come by the proxy, which knows all of *ports*."""

    def go_ahead(self, service: str, *, ahead: bool) -> None:
        """Send new requests to the second ports of *service*, or back to the first."""

    def wait(self, service: str, *, waiting: bool) -> None:
        """Have new requests wait where *service* does not answer, or no longer so."""

    def connections(self, addresses: Iterable[tuple[str, int]]) -> int:
        """Return how many connections to addresses and ports of this machine are open."""

    def websockets(self, ports: Iterable[int]) -> int:
        """Return how many of those to *ports* are websockets, as far as that is known."""


class Surroundings(Protocol):
    """What of the machine a container needs that its engine does not make."""

    def absent(self, paths: Iterable[str]) -> frozenset[str]:
        """Return those of *paths* at which there is nothing."""

    def listeners(self) -> frozenset[tuple[str, int, str]]:
        """Return address, port and protocol of all sockets at which somebody listens."""

    def room(self) -> Mapping[str, int]:
        """Return how many bytes are free, by folder."""

    def memory(self) -> int:
        """Return how many bytes of memory there are in all; 0 if that is not known."""


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

    def http(self, address: str, port: int, path: str, timeout: float, host: str | None = None) -> str | None:
        """GET *path* of *host*; None when the status is below 400, else what is wrong: ``answers 503``."""

    def tcp(self, address: str, port: int, timeout: float) -> str | None:
        """Connect; None when that works, else what is wrong."""


class HookRunner(Protocol):
    """Runs the owner's commands."""

    def run(self, command: tuple[str, ...], environment: Mapping[str, str], timeout: float) -> str | None:
        """Run *command*; None when it exits 0, else what went wrong."""


class Reporter(Protocol):
    """Hears what happens: the system journal, and the person at the terminal."""

    def event(self, event: Event, saving: ServiceState | None = None) -> None:
        """Log a decision, and save the state that it is about with it: no kill loses one of the two."""

    def note(self, service: str, line: str) -> None:
        """Report something that is no decision."""

    def step(self, service: str, kind: StepKind | None) -> None:
        """Report which step of a rollout begins; None: it has ended."""

    def waiting(self, service: str, what: str, seconds: float = 0.0, limit: float | None = None) -> None:
        """Report what is waited for, for how long, and how long at the most.

        It is said as long as this is called again and again; without *what*, the wait is over.
        """

    def pulling(self, service: str, image: ImageReference) -> AbstractContextManager[Tally]:
        """Report that a pull goes on while the block runs; what is yielded takes how far it has come."""


class Registry(Protocol):
    """Registries, as far as releases go."""

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        """Return the digest that each reference names now, or why that is not known; never raises."""

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        """Return the image of each wish, or why it cannot be had; never raises."""

    def tags(
        self, references: Iterable[ImageReference]
    ) -> Mapping[ImageReference, tuple[str, ...] | BeaconError]:
        """Return the tags of each repository, or why they are not known; never raises."""


class Engines(Protocol):
    """The engines of a machine: the one that is to run its services, and what still runs on another."""

    def elsewhere(self) -> Mapping[str, EngineKind]:
        """Return the services whose units run another engine than the chosen one, each with that engine."""

    def require_movable(self, installed: Mapping[str, str]) -> None:
        """Raise MachineError where *installed* services run on another engine and cannot be moved from it."""

    def require_reachable(self) -> None:
        """Raise MachineError where what comes from docker to Podman could not be reached there."""

    def require_here(self, name: str) -> None:
        """Raise MachineError where a service has not been moved yet to the chosen engine."""
