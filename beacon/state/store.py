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

from beacon.errors import AccessError, HostError
from beacon.model.proxy import ProxyRecord
from beacon.model.release import ServiceState, VolumeCopy
from beacon.model.service import Service
from beacon.model.written import Written
from beacon.state.files import PRIVATE, read_text, remove, write_atomic
from beacon.state.lock import locked

T = TypeVar("T")

_DECODING = threading.Lock()
"""msgspec crashes the process where two threads decode their first value of a type at once."""


class LastCheck(Struct, frozen=True):
    """What the last check of a service said; kept so that the same news is told once."""

    at: str
    outcome: str
    detail: str = ""


class Checks(Struct, frozen=True):
    """The last check of every service."""

    services: Mapping[str, LastCheck] = field(default_factory=dict)


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


class StateStore:
    """Reads and writes the states of services below *folder*; locks live in *runtime*."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self._services = folder / "services"
        self._checks = folder / "checks.json"
        self._published = folder / "published"
        self._adoptions = folder / "adoptions"
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
        return _decode(path, text, ServiceState)

    def load_all(self) -> dict[str, ServiceState]:
        """Return the state of every service of which something is remembered."""
        return {name: self.load(name) for name in self.names()}

    def readable(self) -> dict[str, ServiceState]:
        """Return the same without those that cannot be read, for what other services need to know."""
        found = {}
        for name in self.names():
            with contextlib.suppress(HostError):
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
        write_atomic(self._path(state.name), _encode(state), mode=PRIVATE)

    def remove(self, name: str) -> None:
        """Forget a service, and what the last check said of it."""
        remove(self._path(name))
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

    def load_checks(self) -> Checks:
        """Return what the last checks said; a damaged file counts as none, because it is only a cache."""
        text = read_text(self._checks)
        if text is None:
            return Checks()
        try:
            with _DECODING:
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
        except HostError:
            return ProxyRecord()

    def save_proxy(self, record: ProxyRecord) -> None:
        """Remember what became of the managed proxy's file."""
        if record != self.proxy():
            write_atomic(self._proxy, _encode(record), mode=PRIVATE)

    def _path(self, name: str) -> Path:
        return self._services / f"{name}.json"


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
    """Return a short stable name for a declared service: equal definitions, equal fingerprints."""
    return hashlib.sha256(msgspec.json.encode(service, order="deterministic")).hexdigest()[:16]


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
        with _DECODING:
            return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise HostError(
            f"cannot understand {path}: {error}",
            hint="if a newer Beacon wrote it, install that one; else move the file away and run beacon apply",
        ) from error
