"""The state directory: one JSON file per service, and one for what the last check found."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import FieldInfo, fields, replace

from beacon.errors import AccessError, MachineError
from beacon.model.endpoints.proxy import ProxyRecord
from beacon.model.endpoints.written import Written
from beacon.model.outcome import LastCheck
from beacon.model.reference import Digest
from beacon.model.release import STATE_VERSION, ServiceState
from beacon.model.rollout.former import FormerRollout
from beacon.model.rollout.halt import Halt
from beacon.model.rollout.record import ROLLOUT_VERSION, Rollout, VolumeCopy
from beacon.model.service import Service, VolumeKind
from beacon.state.files import PRIVATE, read_text, remove, write_atomic
from beacon.state.halts import Halts
from beacon.state.lock import locked

T = TypeVar("T")

DECODING = threading.Lock()
"""msgspec crashes the process where two threads decode their first value of a type at once."""


class Checks(Struct, frozen=True):
    """The last check of every service."""

    services: Mapping[str, LastCheck] = field(default_factory=dict)
    unanswered: Mapping[str, str] = field(default_factory=dict)
    """Since when no registry has answered, by service: RFC 3339 in UTC."""
    overdue: tuple[str, ...] = ()
    """The services of which it was logged that none has for a day."""
    low: tuple[str, ...] = ()
    """The folders of which it was logged that there is little room."""
    crashing: Mapping[str, str] = field(default_factory=dict)
    """When services that had failed again and again for a while were last seen to: RFC 3339 in UTC."""


class Adoption(Struct, frozen=True):
    """A container whose place a service takes: noted before it is stopped, until all is settled."""

    service: str
    container: str
    engine: str
    was_running: bool
    copies: tuple[VolumeCopy, ...] = ()
    """The volumes that the service gets, and what each is a copy of."""
    restart: str = ""
    """The container's own policy, where the engine would start it again at boot."""


class _FormerState(Struct, frozen=True):
    """What older Beacons kept of a rollout."""

    rollout: FormerRollout | None = None


class StateStore:
    """Reads and writes the states of services below *folder*; locks live in *runtime*."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self._services = folder / "services"
        self._checks = folder / "checks.json"
        self._published = folder / "published"
        self._adoptions = folder / "adoptions"
        self._rollouts = folder / "rollouts"
        self._pulls = folder / "pulls"
        self._halts = Halts(runtime)
        self._proxy = folder / "proxy.json"
        self._runtime = runtime

    def names(self) -> tuple[str, ...]:
        """Return the services of which something is remembered."""
        try:
            return tuple(sorted(path.stem for path in self._services.glob("*.json")))
        except PermissionError:
            return ()

    def stamps(self) -> dict[str, object]:
        """Return for each service a value that changes whenever its state does."""
        found: dict[str, object] = {}
        try:
            for entry in sorted(os.scandir(self._services), key=lambda entry: entry.name):
                name, dot, kind = entry.name.rpartition(".")
                if dot and kind == "json" and not name.startswith("."):
                    stat = entry.stat()
                    found[name] = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        except FileNotFoundError:
            return {}
        except PermissionError:
            raise _closed() from None
        return found

    def stamp(self) -> object:
        """Return a value that changes with the state of any service: files are replaced, never changed."""
        try:
            return self._services.stat().st_mtime_ns
        except OSError:
            return None

    def load(self, name: str) -> ServiceState:
        """Return what is remembered of *name*: an empty state where that is nothing."""
        path = self._path(name)
        try:
            text = read_text(path)
        except AccessError:
            raise _closed() from None
        if text is None:
            return ServiceState(name)
        state = _decode(path, text, ServiceState)
        _require_known(path, state.version, STATE_VERSION)
        return state

    def load_all(self) -> dict[str, ServiceState]:
        """Return the state of every service of which something is remembered."""
        return {name: self.load(name) for name in self.names()}

    def readable(self) -> dict[str, ServiceState]:
        """Return the same without those that cannot be read, for what other services need to know."""
        found = {}
        for name in self.names():
            with contextlib.suppress(MachineError):
                found[name] = self.load(name)
        return found

    def ports(self) -> dict[str, Mapping[str, int]]:
        """Return the ports of the loopback that each service has."""
        return {name: ports for name, state in self.readable().items() if (ports := state.ports)}

    def domains(self) -> dict[str, str]:
        """Return the domain that was chosen for each service that asked for one."""
        return {name: state.domain for name, state in self.readable().items() if state.domain}

    def save(self, state: ServiceState) -> None:
        """Replace the state of a service, durably, before what it announces is done."""
        if state.rollout is not None:
            self._keep_former(state.name)
        today = replace(state, version=STATE_VERSION)
        write_atomic(self._path(state.name), _encode(today), mode=PRIVATE)

    def remove(self, name: str) -> None:
        """Forget a service, and what the last check said of it."""
        remove(self._path(name))
        self.remove_rollout(name)
        left = dict(self.load_checks().services)
        if left.pop(name, None) is None:
            return
        if left:
            self.save_checks(Checks(left))
        else:
            remove(self._checks)

    def lock(self, name: str, *, wait: float = 0.0) -> AbstractContextManager[None]:
        """Return the lock of one service."""
        return locked(self._runtime, name, wait=wait)

    def halted(self, name: str, halt: Halt) -> AbstractContextManager[None]:
        """Return what has a rollout of a service turn back for as long as it is held."""
        return self._halts.asked(name, halt)

    def halt(self, name: str) -> Halt | None:
        """Return what its owner waits to do with a service, if anything."""
        return self._halts.of(name)

    def rollout(self, name: str) -> Rollout | FormerRollout | None:
        """Return the record of the rollout that is under way; None if there is none.

        Older Beacons kept it within the state of the service.
        """
        path = self._record(name)
        text = read_text(path)
        if text is None:
            return self._former_rollout(name)
        rollout = _decode(path, text, Rollout)
        _require_known(path, rollout.version, ROLLOUT_VERSION)
        return rollout

    def _former_rollout(self, name: str) -> FormerRollout | None:
        kept = self._former(name)
        text = read_text(kept)
        return self._within_state(name) if text is None else _decode(kept, text, FormerRollout)

    def _within_state(self, name: str) -> FormerRollout | None:
        text = read_text(self._path(name))
        with contextlib.suppress(MachineError):  # a state of today, whose record is elsewhere
            return None if text is None else _decode(self._path(name), text, _FormerState).rollout
        return None

    def _keep_former(self, name: str) -> None:
        """Have the record that an older Beacon kept within the state of a service outlive that state."""
        if self._record(name).exists():
            return
        former = self._within_state(name)
        if former is not None:
            write_atomic(self._former(name), _encode(former), mode=PRIVATE)

    def save_rollout(self, rollout: Rollout) -> None:
        """Replace the record of a rollout, durably."""
        name = rollout.facts.service
        write_atomic(self._record(name), _encode(rollout), mode=PRIVATE)
        if self._former(name).exists():
            remove(self._former(name))

    def remove_rollout(self, name: str) -> None:
        """Forget a rollout: the state of its service says how it ended."""
        remove(self._record(name))
        remove(self._former(name))

    def is_partial(self, image: Digest) -> bool:
        """Say whether a pull of an image began of which nobody knows that all of it is on the disk."""
        return self._partial(image).exists()

    def mark_partial(self, image: Digest, *, partial: bool) -> None:
        """Note durably that a pull of an image begins, or forget that once all of it is on the disk."""
        if partial:
            write_atomic(self._partial(image), b"", mode=PRIVATE)
        else:
            remove(self._partial(image))

    def load_checks(self) -> Checks:
        """Return what the last checks said; a damaged file counts as none, because it is only a cache."""
        text = read_text(self._checks)
        if text is None:
            return Checks()
        try:
            with DECODING:
                return msgspec.json.decode(text, type=Checks)
        except msgspec.MsgspecError:
            return Checks()

    def save_checks(self, checks: Checks) -> None:
        """Remember what the last checks said."""
        write_atomic(self._checks, _encode(checks), mode=PRIVATE, durable=False)

    def adoptions(self) -> tuple[Adoption, ...]:
        """Return the adoptions of containers that are under way, or were when a kill interrupted them."""
        return _decode_all(self._adoptions, Adoption)

    def save_adoption(self, adoption: Adoption) -> None:
        """Note an adoption, durably, before anything of it is done."""
        write_atomic(self._adoptions / f"{adoption.service}.json", _encode(adoption), mode=PRIVATE)

    def remove_adoption(self, adoption: Adoption) -> None:
        """Forget an adoption: the service stands, or the container is back."""
        remove(self._adoptions / f"{adoption.service}.json")

    def published(self) -> tuple[Written, ...]:
        """Return what this machine wrote to stores, one of each."""
        return _decode_all(self._published, Written)

    def record(self, store: str) -> PublishedRecord:
        """Return the record of what this machine wrote to *store*."""
        name = hashlib.sha256(store.encode()).hexdigest()[:16]
        return PublishedRecord(store, self._published / f"{name}.json", self._runtime)

    def proxy(self) -> ProxyRecord:
        """Return what is remembered of the managed proxy; a damaged file counts as nothing."""
        text = read_text(self._proxy)
        if text is None:
            return ProxyRecord()
        try:
            return _decode(self._proxy, text, ProxyRecord)
        except MachineError:
            return ProxyRecord()

    def save_proxy(self, record: ProxyRecord) -> None:
        """Remember what became of the managed proxy's file."""
        if record != self.proxy():
            write_atomic(self._proxy, _encode(record), mode=PRIVATE)

    def _path(self, name: str) -> Path:
        return self._services / f"{name}.json"

    def _record(self, name: str) -> Path:
        return self._rollouts / f"{name}.json"

    def _former(self, name: str) -> Path:
        return self._rollouts / f"{name}.former.json"  # no service's own record: names have no full stops

    def _partial(self, image: Digest) -> Path:
        return self._pulls / image.rpartition(":")[2]


class PublishedRecord:
    """What this machine wrote to one store, in a file; the lock is held by whoever writes to the store."""

    def __init__(self, store: str, path: Path, runtime: Path) -> None:
        self._store = store
        self._path = path
        self._runtime = runtime

    def lock(self, *, wait: float = 0.0) -> AbstractContextManager[None]:
        """Return the lock of the store."""
        return locked(self._runtime, f"_endpoints-{self._path.stem}", wait=wait)

    def load(self) -> Written:
        """Return what is remembered; nothing where nothing was written."""
        text = read_text(self._path)
        return Written(self._store) if text is None else _decode(self._path, text, Written)

    def save(self, written: Written) -> None:
        """Replace what is remembered, durably; without keys there is nothing to remember."""
        if written.keys:
            write_atomic(self._path, _encode(written), mode=PRIVATE)
        else:
            remove(self._path)


def fingerprint(service: Service) -> str:
    """Return a short stable name for a declared service: equal definitions, equal fingerprints.

    Keys at their defaults are left out, so that a key more in a newer Beacon changes none; what kind of
    volumes it has makes nothing of an image better or worse.
    """
    volumes = tuple(replace(one, kind=VolumeKind.DATA) for one in service.volumes)
    said = _said(replace(service, volumes=volumes))
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:16]


def _said(value: object) -> object:
    if not isinstance(value, Struct):
        return [_said(one) for one in value] if isinstance(value, tuple) else value
    return {
        one.name: _said(said) for one in fields(value) if (said := getattr(value, one.name)) != _default(one)
    }


def _default(one: FieldInfo) -> object:
    return one.default if one.default_factory is msgspec.NODEFAULT else one.default_factory()


def _require_known(path: Path, version: int, known: int) -> None:
    if version > known:
        raise MachineError(
            f"{path} is of a newer Beacon: version {version} of its form, and this one knows {known}",
            hint="install that Beacon again",
        )


def _closed() -> AccessError:
    return AccessError("only root may read the state of the machine's services", hint="run this with sudo")


def _encode(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def _decode_all(folder: Path, kind: type[T]) -> tuple[T, ...]:
    """Return what the files of *folder* hold; nothing where only root may look."""
    try:
        found = sorted(folder.glob("*.json"))
    except PermissionError:
        return ()
    texts = {path: read_text(path) for path in found}
    return tuple(_decode(path, text, kind) for path, text in texts.items() if text is not None)


def _decode(path: Path, text: str, kind: type[T]) -> T:
    try:
        with DECODING:
            return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise MachineError(
            f"cannot understand {path}: {error}",
            hint="if a newer Beacon wrote it, install that one; else move the file away and run beacon apply",
        ) from error
