"""A machine in memory that behaves as Podman and systemd do, as far as rollouts can tell.

Images have a behaviour; the unit of a service runs what its file pins. Every effect is counted, and the
machine can be told to be killed at any of them: then it keeps what had happened, as a real one does.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from beacon.errors import BusyError, MachineError
from beacon.model.event import Event
from beacon.model.image import ImageConfig, Layer, Platform
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import ServiceState
from beacon.model.rollout.former import FormerRollout
from beacon.model.rollout.halt import Halt
from beacon.model.rollout.record import Rollout, StepKind
from beacon.model.runtime import Container, EngineVolume, JobResult, LastExit, LastJob, UnitState, Usage
from beacon.model.unit import container_name, service_of_unit
from beacon.rollout.ports import Progress, Tally
from beacon.state.store import Adoption, Checks

Behaviour = str
"""``good``, ``exits`` (after its start), ``ends`` (well, after its start), ``unstartable``, ``refused`` (by
the engine), ``unhealthy``, ``unready`` (times out), ``sick`` (found unhealthy while systemd still waits for
it), ``stopped`` (somebody does so before it is up).
"""


class KilledError(BaseException):
    """SIGKILL: nothing that catches errors catches this."""


@dataclass
class FakeImage:
    """An image of a registry: how it behaves when it runs."""

    image_id: Digest
    behaviour: Behaviour = "good"


@dataclass
class _Unit:
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    restarts: int = 0
    status: int = 0
    pid: int = 0
    started: int = 0
    left: int = 0
    ended: int = 0
    running: tuple[Digest, int | None] | None = None
    """Image id and release of what runs."""
    crashes_at: float | None = None
    coming: bool = False
    """Whether a job brings it up."""
    job: int = 0
    last_job: LastJob | None = None
    last_exit: LastExit | None = None


@dataclass
class FakeMachine:
    """All ports of a rollout at once, on one simulated machine."""

    registry: dict[str, FakeImage] = field(default_factory=dict)
    """By digest of the manifest."""
    kill_at: int | None = None
    effects: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    local: dict[str, Digest] = field(default_factory=dict)
    """Names of images on disk → id."""
    saved: dict[str, ServiceState] = field(default_factory=dict)
    units: dict[str, _Unit] = field(default_factory=dict)
    loaded: dict[str, str] = field(default_factory=dict)
    """Container files as of the last daemon-reload."""
    requires: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Unit → units that stop with it."""
    volumes: dict[str, str] = field(default_factory=dict)
    """Name → what is in it."""
    configs: dict[Digest, ImageConfig] = field(default_factory=dict)
    """What images say of themselves, by id; those that are missing say nothing."""
    data: set[str] = field(default_factory=set)
    """Volumes, folders of the host, and folders in them (``NAME/FOLDER``), that hold data."""
    unreadable: set[str] = field(default_factory=set)
    """Those that cannot be looked at."""
    labels: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Volume → its labels."""
    anonymous: set[str] = field(default_factory=set)
    """Volumes that go with the container that mounts them, unless they are *secured*."""
    secured: set[str] = field(default_factory=set)
    mounted: dict[str, dict[str, bool]] = field(default_factory=dict)
    """Volume → other containers that mount it, and whether they run."""
    locked: set[str] = field(default_factory=set)
    halts: Callable[[], Halt | None] = lambda: None
    """What the owner of any service waits to do with it."""
    rollouts: dict[str, Rollout | FormerRollout] = field(default_factory=dict)
    """Service → the record of its rollout."""
    boot: str = "boot 1"
    partial: set[Digest] = field(default_factory=set)
    """Images whose pull began, and may not all be on the disk."""
    time: float = 0.0
    full_disk: bool = False
    going_down: bool = False
    log: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    """The steps of rollouts, as they were reported."""
    waits: list[tuple[str, str, float, float | None]] = field(default_factory=list)
    """What was said to be waited for, and how long."""
    tallies: list[tuple[int | None, int | None]] = field(default_factory=list)
    """How far pulls had come."""
    customised: set[str] = field(default_factory=set)
    """Services whose units have drop-ins."""
    helpers: dict[str, str] = field(default_factory=dict)
    """Files of units that are forgotten with a boot."""
    proxied: set[str] = field(default_factory=set)
    """Services whose requests come by a proxy."""
    guarded: set[str] = field(default_factory=set)
    """Files, and images beside which the engine lets nobody else read what it writes."""
    ahead: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    connected: int = 0
    """How many connections are open; one less with each look."""
    sockets: int = 0
    """How many websockets stay open."""
    noted: dict[str, Adoption] = field(default_factory=dict)
    """Adoptions of containers by service."""
    secret_names: set[str] = field(default_factory=set)
    """The engine's secrets."""
    secret_times: dict[str, datetime] = field(default_factory=dict)
    """When they got their values, where that matters."""
    gone: set[str] = field(default_factory=set)
    """Paths at which there is nothing."""
    sockets_taken: set[tuple[str, int, str]] = field(default_factory=set)
    """Address, port and protocol at which somebody listens."""
    published: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    """The ports of containers, by service."""
    free: int = 1 << 30
    """Bytes of the disk."""
    installed_memory: int = 4 << 30
    timers: dict[str, int] = field(default_factory=dict)
    """When timers elapse next."""
    checks: Checks = field(default_factory=Checks)
    asked_for: str | None = None
    """The Host of the last request of a probe."""

    def effect(self, what: str) -> None:
        """Count what is done beside the machine, which may be killed then."""
        self._effect(what)

    def _effect(self, what: str) -> None:
        if self.kill_at is not None and len(self.effects) >= self.kill_at:
            raise KilledError(what)
        self.effects.append(what)

    # Clock

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        for name, unit in list(self.units.items()):
            if unit.crashes_at is not None and self.time >= unit.crashes_at:
                ends = unit.running is not None and self._behaviour(unit.running[0]) == "ends"
                self._down(name) if ends else self._fail(unit, "exit-code", 1)

    def now(self) -> datetime:
        return datetime(2026, 11, 21, 12, 0, tzinfo=UTC) + timedelta(seconds=self.time)

    # Files

    def read(self, name: str) -> str | None:
        return self.files.get(name)

    def put(self, name: str, text: str | None) -> None:
        if self.files.get(name) == text:
            return
        if self.full_disk and text is not None:
            raise MachineError(f"cannot write {name}: No space left on device")
        self._effect(f"put {name}")
        if text is None:
            del self.files[name]
        else:
            self.files[name] = text

    def is_customised(self, service: str) -> bool:
        return service in self.customised

    def guard(self, name: str | ImageReference) -> None:
        """Keep others from a file, or from what the engine writes beside an image."""
        self.guarded.add(str(name))

    def put_helper_file(self, name: str, text: str | None) -> None:
        if self.helpers.get(name) == text:
            return
        self._effect(f"helper {name}")
        if text is None:
            del self.helpers[name]
        else:
            self.helpers[name] = text

    # Store

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.saved))

    def load(self, name: str) -> ServiceState:
        return self.saved.get(name, ServiceState(name))

    def readable(self) -> Mapping[str, ServiceState]:
        return dict(self.saved)

    def load_checks(self) -> Checks:
        return self.checks

    def save_checks(self, checks: Checks) -> None:
        if self.full_disk:
            raise MachineError("cannot write checks.json: No space left on device")
        self.checks = checks

    def adoptions(self) -> tuple[Adoption, ...]:
        return tuple(self.noted.values())

    def save_adoption(self, adoption: Adoption) -> None:
        self._effect(f"note {adoption.service}")
        self.noted[adoption.service] = adoption

    def remove_adoption(self, adoption: Adoption) -> None:
        self._effect(f"end {adoption.service}")
        self.noted.pop(adoption.service, None)

    # Traffic

    def leads_to(self, service: str, ports: Iterable[int]) -> bool:
        del ports
        return service in self.proxied

    def go_ahead(self, service: str, *, ahead: bool) -> None:
        if ahead != (service in self.ahead):
            self._effect(f"{'ahead' if ahead else 'back'} {service}")
            (self.ahead.add if ahead else self.ahead.discard)(service)

    def wait(self, service: str, *, waiting: bool) -> None:
        if waiting != (service in self.held):
            self._effect(f"{'wait' if waiting else 'release'} {service}")
            (self.held.add if waiting else self.held.discard)(service)

    def connections(self, addresses: Iterable[tuple[str, int]]) -> int:
        del addresses
        self.connected = max(self.connected - 1, 0)
        return self.connected + self.sockets

    def websockets(self, ports: Iterable[int]) -> int:
        del ports
        return self.sockets

    def ports(self) -> Mapping[str, Mapping[str, int]]:
        return {name: state.ports for name, state in self.saved.items() if state.ports}

    def domains(self) -> Mapping[str, str]:
        return {name: state.domain for name, state in self.saved.items() if state.domain}

    def save(self, state: ServiceState) -> None:
        self._effect(f"save {state.name} {'under way' if state.rollout else 'idle'}")
        self.saved[state.name] = state

    def remove(self, name: str) -> None:
        self._effect(f"forget {name}")
        self.saved.pop(name, None)

    @contextlib.contextmanager
    def lock(self, name: str, *, wait: float = 0.0) -> Iterator[None]:
        del wait
        if name in self.locked:
            raise BusyError(f"another beacon is at work on {name!r}")
        self.locked.add(name)
        try:
            yield
        finally:
            self.locked.discard(name)

    @contextlib.contextmanager
    def halted(self, name: str, halt: Halt) -> Iterator[None]:
        del name
        self.halts = lambda: halt
        yield
        self.halts = lambda: None

    def halt(self, name: str) -> Halt | None:
        del name
        return self.halts()

    def rollout(self, name: str) -> Rollout | FormerRollout | None:
        return self.rollouts.get(name)

    def save_rollout(self, rollout: Rollout) -> None:
        if self.full_disk:
            raise MachineError("No space left on device")
        self._effect(f"record {rollout.facts.service} {rollout.decision} {rollout.doing}")
        self.rollouts[rollout.facts.service] = rollout

    def remove_rollout(self, name: str) -> None:
        if name in self.rollouts:
            self._effect(f"forget rollout {name}")
            del self.rollouts[name]

    def boot_id(self) -> str:
        return self.boot

    def is_partial(self, image: Digest) -> bool:
        return image in self.partial

    def mark_partial(self, image: Digest, *, partial: bool) -> None:
        self._effect(f"{'mark' if partial else 'unmark'} {image}")
        (self.partial.add if partial else self.partial.discard)(image)

    # Engine

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        self._effect(f"pull {image}")
        progress(None)
        found = self.registry.get(str(image.digest))
        if found is None:
            raise MachineError(f"cannot pull {image}: manifest unknown")
        self.local[str(image)] = found.image_id
        return found.image_id

    def missing(self, layers: Sequence[Layer]) -> int:
        return sum(layer.size for layer in layers)

    def image_folder(self, image: ImageReference) -> str:
        if str(image) not in self.local:
            raise MachineError(f"no such image: {image}")
        return "/images"

    def flush(self, folder: str) -> None:
        self._effect(f"flush {folder}")

    def image_config(self, image: ImageReference) -> ImageConfig | None:
        image_id = self.local.get(str(image))
        if image_id is None:
            return None
        return self.configs.get(image_id, ImageConfig(image_id, Platform("linux", "amd64")))

    def images(self) -> Mapping[str, Digest]:
        return dict(self.local)

    def keep(self, image_id: Digest, service: str, release: int) -> None:
        self._effect(f"keep {service}:{release}")
        self.local[f"localhost/beacon/{service}:{release}"] = image_id

    def kept(self) -> Mapping[str, Mapping[int, Digest]]:
        found: dict[str, dict[int, Digest]] = {}
        for name, image in self.local.items():
            if match := re.fullmatch(r"localhost/beacon/([^:]+):(\d+)", name):
                found.setdefault(match[1], {})[int(match[2])] = image
        return found

    def untag(self, service: str, release: int) -> None:
        self._effect(f"let go {service}:{release}")
        self.local.pop(f"localhost/beacon/{service}:{release}", None)

    def remove_image(self, image: ImageReference) -> bool:
        self._effect(f"remove {image}")
        return self.local.pop(str(image), None) is not None

    def remove_network(self, name: str) -> None:
        self._effect(f"remove network {name}")

    def secrets(self) -> Collection[str]:
        return self.secret_names

    def secret_changes(self, names: Collection[str]) -> Mapping[str, datetime]:
        return {name: self.secret_times[name] for name in names if name in self.secret_times}

    def absent(self, paths: Iterable[str]) -> frozenset[str]:
        return frozenset(paths) & self.gone

    def listeners(self) -> frozenset[tuple[str, int, str]]:
        return frozenset(self.sockets_taken)

    def room(self) -> Mapping[str, int]:
        return {"/var": self.free}

    def memory(self) -> int:
        return self.installed_memory

    def make_network(self, name: str, options: Sequence[str]) -> None:
        del options
        self._effect(f"make network {name}")

    def volume(self, name: str) -> EngineVolume | None:
        if name not in self.volumes:
            return None
        return EngineVolume(
            f"/volumes/{name}", self.labels.get(name, {}), is_anonymous=name in self.anonymous
        )

    def volume_sizes(self, service: str, others: Iterable[str]) -> Mapping[str, int | None]:
        own = (name for name in self.volumes if name.startswith(f"beacon-{service}-"))
        return {**dict.fromkeys(others), **dict.fromkeys(own, 4096)}

    def users(self, volume: str) -> Mapping[str, bool]:
        return self.mounted.get(volume, {})

    def secure_volume(self, name: str) -> None:
        if name in self.anonymous and name not in self.secured:
            self._effect(f"secure {name}")
            self.secured.add(name)

    def release_volume(self, name: str) -> None:
        self._effect(f"release {name}")
        self.secured.discard(name)

    def holds_data(self, source: str, inside: str = "") -> bool:
        place = f"{source}/{inside}".rstrip("/")
        if place in self.unreadable:
            raise MachineError(f"cannot look into {place}")
        return place in self.data or bool(self.volumes.get(place))

    def make_volume(self, name: str, labels: Mapping[str, str], source: str | None = None) -> None:
        self._effect(f"make volume {name}")
        self.labels[name] = labels
        self.volumes[name] = self.volumes.get(source.removeprefix("/volumes/"), source) if source else ""

    def remove_volume(self, name: str) -> None:
        self._effect(f"remove volume {name}")
        del self.volumes[name]

    def entering(
        self, service: str, command: Sequence[str], *, terminal: bool, user: str = ""
    ) -> tuple[str, ...]:
        flags = (*(("--tty",) if terminal else ()), *((f"--user={user}",) if user else ()))
        return ("podman", "exec", "--interactive", *flags, f"beacon-{service}", *command)

    def containers(self) -> Mapping[str, Container]:
        found = {}
        for name, unit in self.units.items():
            service = service_of_unit(name)
            if service is not None and unit.active in {"active", "activating"} and unit.running is not None:
                image, release = unit.running
                sick = self._behaviour(image) in {"unhealthy", "sick"}
                health = "unhealthy" if sick else "healthy"
                found[service] = Container(service, image, release, health, self.published.get(service, {}))
        return found

    def address(self, service: str) -> str:
        return f"10.88.0.{len(service)}"

    # Systemd

    def reload(self) -> None:
        self._effect("reload")
        self.loaded = {name: text for name, text in self.files.items() if name.endswith(".container")}
        services = {name: text for name, text in self.helpers.items() if name.endswith(".service")}
        self.loaded |= {f"{name[:-8]}.container": text for name, text in services.items()}

    def states(self, units: Iterable[str]) -> Mapping[str, UnitState]:
        return {name: self._state(name) for name in units}

    def listed(self, pattern: str) -> Mapping[str, UnitState]:
        del pattern
        return {name: self._state(name) for name in self.units}

    def active(self, pattern: str) -> Mapping[str, str]:
        del pattern
        return {name: unit.active for name, unit in self.units.items()}

    def start(self, unit: str, limit: float) -> JobResult:
        self.wait_idle(unit, limit)  # a start joins the job that is queued
        if self._unit(unit).active == "active":
            return JobResult.DONE
        return self._ended(unit, "start", self._start(unit, "start", limit))

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        return self._ended(unit, "restart", self._start(unit, "restart", limit, hopeless))

    def stop(self, unit: str, limit: float) -> JobResult:
        del limit
        self._effect(f"stop {unit}")
        if self._state(unit).load == "not-found":
            return JobResult.REFUSED
        self._down(unit)
        self._unit(unit).last_job = LastJob("stop", "done")
        return JobResult.DONE

    def reset_failed(self, unit: str) -> None:
        state = self._unit(unit)
        if state.active == "failed":
            state.active, state.sub, state.result = "inactive", "dead", "success"

    def wait_idle(self, unit: str, limit: float) -> None:
        del limit
        if self._unit(unit).coming:
            self._up(self._unit(unit))

    def is_going_down(self) -> bool:
        return self.going_down

    def last_words(self, unit: str) -> str:
        return "Error: out of coffee" if self._unit(unit).active == "failed" else ""

    def dependents(self, unit: str) -> tuple[str, ...]:
        return tuple(name for name in self.requires.get(unit, ()) if self._unit(name).active == "active")

    def requirements(self, unit: str) -> tuple[str, ...]:
        return tuple(name for name, dependents in self.requires.items() if unit in dependents)

    def next_elapse(self, timer: str) -> int:
        return self.timers.get(timer, 0)

    def usage(self, unit: str) -> Usage:
        return Usage(5 << 20, 1_500_000_000) if self._unit(unit).active == "active" else Usage()

    def failing_since(self, units: Collection[str]) -> Mapping[str, int]:
        return {name: self._unit(name).started for name in units}

    def last_exit(self, unit: str) -> LastExit | None:
        return self._unit(unit).last_exit

    def last_job(self, unit: str) -> LastJob | None:
        return self._unit(unit).last_job

    # Probe, hooks and reporter

    def http(self, address: str, port: int, path: str, timeout: float, host: str | None = None) -> str | None:
        del address, port, path, timeout
        self.asked_for = host
        well = any(unit.active == "active" and self._answers(unit) for unit in self.units.values())
        return None if well else "fails"

    def tcp(self, address: str, port: int, timeout: float) -> str | None:
        return self.http(address, port, "", timeout)

    def run(self, command: tuple[str, ...], environment: Mapping[str, str], timeout: float) -> str | None:
        del timeout
        self.log.append(f"hook {' '.join(command)} {environment['BEACON_RELEASE']}")
        for unit in command[1:]:  # a hook stops the units that it is told
            self._effect(f"hook stops {unit}")
            self._down(unit)
        return "exited with status 1" if command[0] == "false" else None

    def event(self, event: Event, saving: ServiceState | None = None) -> None:
        if saving is not None:
            self.save(saving)
        self.events.append(event)

    def note(self, service: str, line: str) -> None:
        self.log.append(f"{service}: {line}")

    def step(self, service: str, kind: StepKind | None) -> None:
        self.steps.append(f"{service}: {kind or 'end'}")

    @contextlib.contextmanager
    def pulling(self, service: str, image: ImageReference) -> Iterator[Tally]:
        self.log.append(f"{service}: pulling {image}")
        yield lambda done, total: self.tallies.append((done, total))

    def waiting(self, service: str, what: str, seconds: float = 0.0, limit: float | None = None) -> None:
        self.waits.append((service, what, seconds, limit))

    # Below

    def _unit(self, name: str) -> _Unit:
        return self.units.setdefault(name, _Unit())

    def _state(self, name: str) -> UnitState:
        unit = self._unit(name)
        known = self._file(name) in self.loaded or service_of_unit(name) is None
        return UnitState(
            name,
            load="loaded" if known or unit.active == "active" else "not-found",
            active=unit.active,
            sub=unit.sub,
            result=unit.result,
            restarts=unit.restarts,
            main_pid=unit.pid,
            started=unit.started,
            left=unit.left,
            ended=unit.ended,
            exit_status=unit.status,
            job=unit.job,
        )

    def _file(self, unit: str) -> str:
        return f"{container_name(service_of_unit(unit) or unit)}.container"

    def _start(  # noqa: PLR0911  # one for each way that a start can end
        self, name: str, verb: str, limit: float, hopeless: Callable[[], bool] | None = None
    ) -> JobResult:
        self._effect(f"{verb} {name}")
        dependents = self.dependents(name)
        self._down(name)
        unit = self._unit(name)
        if service_of_unit(name) is None or self._file(name) not in self.loaded:
            if name in self.requires or any(name in names for names in self.requires.values()):
                self._up(unit)
                return JobResult.DONE
            return JobResult.REFUSED
        text = self.loaded[self._file(name)]
        pinned = re.search(r"(?:^Image=|^ +)(\S+@sha256:[0-9a-f]{64})$", text, re.MULTILINE)
        release = re.search(r"io\.beacon\.release=(\d+)", text)
        image = self.local.get(pinned[1]) if pinned else None
        behaviour = self._behaviour(image)
        unit.running = (image, int(release[1]) if release else None) if image else None
        if behaviour in {"missing", "unstartable", "refused"}:
            self._fail(unit, "exit-code", 1 if behaviour == "unstartable" else 125)
            return JobResult.FAILED
        if behaviour == "sick":
            unit.active, unit.sub = "activating", "start"
            if hopeless is not None and hopeless():
                self.time += 1
                return JobResult.HOPELESS
        if behaviour == "stopped":
            self._fail(unit, "protocol")
            return JobResult.CANCELED
        if behaviour in {"unready", "sick"}:
            self.time += min(limit, 90)
            self._fail(unit, "timeout")
            return JobResult.FAILED
        self._up(unit)
        if behaviour in {"exits", "ends"}:
            unit.crashes_at = self.time + 0.5
        for other in dependents:
            self._come(self._unit(other))
        return JobResult.DONE

    def _ended(self, name: str, kind: str, result: JobResult) -> JobResult:
        if result is not JobResult.REFUSED:
            self._unit(name).last_job = LastJob(kind, result.value)
        return result

    def _come(self, unit: _Unit) -> None:
        unit.active, unit.sub, unit.coming = "activating", "start", True

    def _up(self, unit: _Unit) -> None:
        self.time += 0.01
        unit.coming = False
        unit.active, unit.sub, unit.result, unit.status = "active", "running", "success", 0
        unit.pid += 1
        unit.started = int(self.now().timestamp() * 1e6)

    def _down(self, name: str) -> None:
        for other in self.dependents(name):
            self._down(other)
            self._unit(other).last_job = LastJob("stop", "done")
        unit = self._unit(name)
        if unit.active == "active":
            unit.left = unit.ended = int(self.time * 1e6) + 1
        for volume in self.anonymous - self.secured if unit.running is not None else ():
            if volume in self.loaded.get(self._file(name), ""):
                self.volumes.pop(volume, None)
        unit.active, unit.sub, unit.crashes_at, unit.running = "inactive", "dead", None, None
        unit.coming = False

    def _fail(self, unit: _Unit, result: str, status: int = 0) -> None:
        unit.left = unit.ended = int(self.time * 1e6) + 1
        unit.active, unit.sub, unit.result, unit.crashes_at = "failed", "failed", result, None
        unit.running, unit.status = None, status
        if status:
            unit.last_exit = LastExit(result, status)

    def _behaviour(self, image: Digest | None) -> Behaviour:
        if image is None or image not in self.local.values():
            return "missing"
        return next(one.behaviour for one in self.registry.values() if one.image_id == image)

    def _answers(self, unit: _Unit) -> bool:
        return unit.running is not None and self._behaviour(unit.running[0]) == "good"

    def copy(self) -> FakeMachine:
        """Return the machine after a reboot of Beacon's process: same disk, same units, no kill to come."""
        return replace(
            self,
            kill_at=None,
            effects=[],
            locked=set(),
            files=dict(self.files),
            local=dict(self.local),
            saved=dict(self.saved),
            rollouts=dict(self.rollouts),
            partial=set(self.partial),
            noted=dict(self.noted),
            volumes=dict(self.volumes),
            helpers=dict(self.helpers),
            ahead=set(self.ahead),
            held=set(self.held),
        )

    def booted(self) -> FakeMachine:
        """Return the machine after a boot: what is in memory is gone, and units run what is on disk."""
        new = self.copy()
        new.helpers, new.ahead, new.held = {}, set(), set()
        new.units = {name: unit for name, unit in self.units.items() if ".next." not in name}
        new.boot = f"{self.boot}, and another"
        new.reload()
        for name in new.units:
            new.restart(name, 90)
        new.effects = []
        return new


@dataclass
class Helpers:
    """The folder of units that are forgotten with a boot."""

    machine: FakeMachine

    def read(self, name: str) -> str | None:
        return self.machine.helpers.get(name)

    def put(self, name: str, text: str | None) -> None:
        self.machine.put_helper_file(name, text)

    def guard(self, name: str) -> None:
        self.machine.guard(name)

    def is_customised(self, service: str) -> bool:
        return self.machine.is_customised(service)
