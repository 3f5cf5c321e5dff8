"""Start, stop and watch units over D-Bus (org.freedesktop.systemd1(5)), through pystemd.

How pystemd shapes this module: everything is bytes; a callback must be a plain function that never raises
and that somebody keeps alive; ``wait`` holds the interpreter's lock, so the wait is a poll(2) of ours.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pystemd.dbusexc import DBusBaseError
from pystemd.dbuslib import DBus, apply_signature
from pystemd.systemd1 import Manager

from beacon.errors import AccessError, BeaconError, MachineError
from beacon.model.machine import Scope
from beacon.model.runtime import JobResult, LastExit, LastJob, UnitState, Usage
from beacon.model.unit import is_job, is_waiter
from beacon.systemd.journal import failing_since, last_exit, last_job, last_words

_SYSTEMD = b"org.freedesktop.systemd1"
_ROOT = b"/org/freedesktop/systemd1"
_MANAGER = _SYSTEMD + b".Manager"
_UNIT = _SYSTEMD + b".Unit"
_SERVICE = _SYSTEMD + b".Service"
_SLICE = _SYSTEMD + b".Slice"
_TIMER = _SYSTEMD + b".Timer"
_INFINITE = 2**64 - 1
"""What systemd says of a figure that there is none of."""
_ACCOUNTS = {
    "memory": "MemoryCurrent",
    "cpu": "CPUUsageNSec",
    "memory_limit": "MemoryMax",
    "tasks": "TasksCurrent",
    "read": "IOReadBytes",
    "written": "IOWriteBytes",
    "received": "IPIngressBytes",
    "sent": "IPEgressBytes",
}
_PROPERTIES = b"org.freedesktop.DBus.Properties"
_STOPPED_WITH = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf")
"""Reverse dependencies through which a stop of one unit stops another (systemd.unit(5))."""
_REQUIRED = ("Requires", "Requisite", "BindsTo")

_DRAIN = 64
_POLL_MS = 200
_CHECK_EVERY = 1.0
"""Seconds between two looks at whether a job is hopeless."""


class SystemdManager:
    """The manager of one scope. Threads may share it: every call on the bus is made under one lock."""

    def __init__(self, scope: Scope = Scope.SYSTEM) -> None:
        self._scope = scope
        self._began: dict[str, float] = {}
        self._lock = threading.RLock()
        self._waiting: dict[bytes, int] = {}
        """How many threads wait for a job: a start joins the one that is queued already."""
        self._done: dict[bytes, str] = {}
        self._bus = DBus(user_mode=scope is Scope.USER)
        with explained("connect to systemd", "over D-Bus"):
            self._bus.open()
            self._manager = Manager(bus=self._bus)
            self._manager.load()
        self._subscribed = False

    def close(self) -> None:
        """Let the connection go."""
        with self._lock:
            self._bus.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reload(self) -> None:
        """Have systemd run its generators (Quadlet among them) and read every unit file again."""
        with self._lock, explained("reload", "systemd"):
            self._manager.Manager.Reload()

    def states(self, units: Iterable[str]) -> Mapping[str, UnitState]:
        """Return the state of each unit; unknown ones come back as not-found."""
        return {unit: self._state(unit) for unit in units}

    def listed(self, pattern: str) -> Mapping[str, UnitState]:
        """Return the loaded units that match *pattern* (fnmatch), without what only services have."""
        with self._lock, explained("list", pattern):
            states = [
                UnitState(
                    name=row[0].decode(),
                    load=row[2].decode(),
                    active=row[3].decode(),
                    sub=row[4].decode(),
                    job=row[7],
                    # One call each, which thousands of units that are down are spared.
                    started=self._bus.get_property(_SYSTEMD, row[6], _UNIT, b"ActiveEnterTimestamp", b"t")
                    if row[3] == b"active"
                    else 0,
                )
                for row in self._rows(pattern)
            ]
        return {state.name: state for state in states}

    def active(self, pattern: str) -> Mapping[str, str]:
        """Return the ActiveState of the loaded units that match *pattern*, by one call."""
        with self._lock, explained("list", pattern):
            return {row[0].decode(): row[3].decode() for row in self._rows(pattern)}

    def _rows(self, pattern: str) -> Any:  # noqa: ANN401  # pystemd has no types
        return self._manager.Manager.ListUnitsByPatterns([], [pattern.encode()])

    def start(self, unit: str, limit: float) -> JobResult:
        """Start *unit* and wait for the job *limit* seconds at the most."""
        return self._run("StartUnit", unit, limit)

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        """Restart *unit* (start it where it is down) and wait for the job, unless *hopeless*."""
        return self._run("RestartUnit", unit, limit, hopeless)

    def stop(self, unit: str, limit: float) -> JobResult:
        """Stop *unit* and wait for the job."""
        return self._run("StopUnit", unit, limit)

    def enable(self, unit: str) -> None:
        """Have *unit* started at boot, as ``systemctl enable`` does."""
        with self._lock, explained("enable", unit):
            self._manager.Manager.EnableUnitFiles([unit.encode()], False, False)  # noqa: FBT003  # D-Bus
        self.reload()

    def disable(self, unit: str) -> None:
        """Have *unit* started at boot no more."""
        with self._lock, explained("disable", unit):
            self._manager.Manager.DisableUnitFiles([unit.encode()], False)  # noqa: FBT003  # D-Bus
        self.reload()

    def reset_failed(self, unit: str) -> None:
        """Forget failures of *unit* and the starts that count towards its start limit."""
        with self._lock, contextlib.suppress(DBusBaseError):  # not loaded: then there is nothing to forget
            self._manager.Manager.ResetFailedUnit(unit.encode())

    def wait_idle(self, unit: str, limit: float) -> None:
        """Wait until no job is queued for *unit*, *limit* seconds at the most."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            with self._lock:
                job = self._unit_properties(unit).get("Job", (0, ""))
            if not job[0]:
                return
            time.sleep(_POLL_MS / 1000)

    def last_words(self, unit: str) -> str:
        """Return the last line that the unit's own processes wrote since it was last started from here."""
        since = self._began.get(unit)
        return "" if since is None else last_words(unit, since, self._scope)

    def last_exit(self, unit: str) -> LastExit | None:
        """Return how the unit's main process failed last since it was last started from here."""
        since = self._began.get(unit)
        return None if since is None else last_exit(unit, since, self._scope)

    def boot_id(self) -> str:
        """Return what is another with each boot (random(4)), and with each start of a user's manager."""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        with self._lock, explained("ask", "systemd when it was started"):
            began = self._bus.get_property(_SYSTEMD, _ROOT, _MANAGER, b"UserspaceTimestampMonotonic", b"t")
        return f"{boot}/{began}"

    def is_going_down(self) -> bool:
        """Say whether the machine is being shut down, or the service manager is gone already."""
        try:
            with self._lock:
                state = self._bus.get_property(_SYSTEMD, _ROOT, _MANAGER, b"SystemState", b"s")
        except DBusBaseError:
            return True
        return bool(_text(state) == "stopping")

    def dependents(self, unit: str) -> tuple[str, ...]:
        """Return the units that are up and that stop when *unit* does, near and far, in the order found.

        What only waits for a service to be healthy is none of them: whoever needs it starts it. Nor are the
        service's own jobs, which come with it.
        """
        found: dict[str, None] = {}
        queue = [unit]
        while queue:
            with self._lock:
                properties = self._unit_properties(queue.pop(0))
            names = (name for key in _STOPPED_WITH for name in properties.get(key, ()))
            near = [name for name in names if not is_waiter(name) and not is_job(name)]
            for name in near:
                if name != unit and name not in found and self._state(name).is_up:
                    found[name] = None
                    queue.append(name)
        return tuple(found)

    def requirements(self, unit: str) -> tuple[str, ...]:
        """Return the units without which *unit* does not start."""
        with self._lock:
            properties = self._unit_properties(unit)
        return tuple(name for key in _REQUIRED for name in properties.get(key, ()))

    def next_elapse(self, timer: str) -> int:
        """Return when *timer* elapses next, in microseconds since 1970; 0 if that is not known."""
        with self._lock:
            properties = self._all(self._path(timer), _TIMER)
        found = int(properties.get("NextElapseUSecRealtime", 0))
        return 0 if found == _INFINITE else found

    def usage(self, unit: str) -> Usage:
        """Return what *unit* takes, a service or a slice."""
        with self._lock:
            properties = self._all(self._path(unit), _SLICE if unit.endswith(".slice") else _SERVICE)
        values = {field: int(properties.get(key, _INFINITE)) for field, key in _ACCOUNTS.items()}
        return Usage(**{field: value for field, value in values.items() if value != _INFINITE})

    def failing_since(self, units: Collection[str]) -> Mapping[str, int]:
        """Return since when units are started again and again, in microseconds since 1970."""
        return failing_since(units, self._scope) if units else {}

    def last_job(self, unit: str) -> LastJob | None:
        """Return the job of *unit* that ended last in this boot; None where the journal does not say."""
        return last_job(unit, self._scope)

    def _run(
        self, method: str, unit: str, limit: float, hopeless: Callable[[], bool] | None = None
    ) -> JobResult:
        self._subscribe()
        self._began[unit] = time.time()
        try:
            with self._lock:
                job = getattr(self._manager.Manager, method)(unit.encode(), b"replace")
                self._waiting[job] = self._waiting.get(job, 0) + 1
        except DBusBaseError as error:
            if _is_denied(error):
                raise _denied(f"{method} {unit}") from error
            if _number(error) in _UNANSWERED:
                raise MachineError(
                    f"systemd did not answer to {method} {unit}: {os.strerror(_number(error))}",
                    hint="see what it is busy with: systemctl list-jobs",
                ) from error
            return JobResult.REFUSED
        try:
            with explained("wait for the job of", unit):
                return self._await_job(job, limit, hopeless)
        finally:
            self._leave(job)

    def _leave(self, job: bytes) -> None:
        """Forget a job whose last waiter goes."""
        with self._lock:
            self._waiting[job] -= 1
            if not self._waiting[job]:
                del self._waiting[job]
                self._done.pop(job, None)

    def _subscribe(self) -> None:
        with self._lock:
            if self._subscribed:
                return
            done, waiting = self._done, self._waiting

            def job_removed(message: Any, error: object = None, userdata: object = None) -> None:  # noqa: ANN401  # pystemd has no types
                del error, userdata
                with contextlib.suppress(Exception):  # it would surface in an unrelated call
                    message.process_reply(False)  # noqa: FBT003  # pystemd takes it by position
                    _, path, _, result = message.body
                    if path in waiting:
                        done[path] = result.decode()

            self._job_removed = job_removed  # pystemd keeps no reference; a collected callback crashes
            with explained("watch the jobs of", "systemd"):
                self._bus.match_signal(_SYSTEMD, _ROOT, _MANAGER, b"JobRemoved", job_removed, None)
                self._manager.Manager.Subscribe()
            self._subscribed = True

    def _await_job(self, job: bytes, limit: float, hopeless: Callable[[], bool] | None) -> JobResult:
        deadline = time.monotonic() + limit
        check_at = time.monotonic() + _CHECK_EVERY
        poller = select.poll()
        poller.register(self._bus.get_fd(), select.POLLIN)
        while True:
            with self._lock:
                # Messages may be queued inside the connection already, where no poll sees them.
                for _ in range(_DRAIN):
                    self._bus.process()
                result = self._done.get(job)
            if result is not None:
                return JobResult(result)
            if time.monotonic() >= deadline:
                return JobResult.GAVE_UP
            if hopeless is not None and time.monotonic() >= check_at:
                if hopeless():
                    return JobResult.HOPELESS
                check_at = time.monotonic() + _CHECK_EVERY
            poller.poll(_POLL_MS)

    def _state(self, unit: str) -> UnitState:
        with self._lock:
            properties = self._unit_properties(unit)
            service = self._all(self._path(unit), _SERVICE) if unit.endswith(".service") else {}
        return UnitState(
            name=unit,
            load=str(properties.get("LoadState", "not-found")),
            active=str(properties.get("ActiveState", "inactive")),
            sub=str(properties.get("SubState", "dead")),
            result=str(service.get("Result", "success")),
            restarts=int(service.get("NRestarts", 0)),
            main_pid=int(service.get("MainPID", 0)),
            started=int(properties.get("ActiveEnterTimestamp", 0)),
            left=int(properties.get("ActiveExitTimestampMonotonic", 0)),
            ended=int(properties.get("InactiveEnterTimestampMonotonic", 0)),
            exit_status=int(service.get("ExecMainStatus", 0)),
            job=int(properties.get("Job", (0, ""))[0]),
            since=int(properties.get("InactiveEnterTimestamp", 0)),
        )

    def _unit_properties(self, unit: str) -> Mapping[str, Any]:
        return self._all(self._path(unit), _UNIT)

    def _path(self, unit: str) -> bytes:
        with explained("look up", unit):
            # LoadUnit, unlike GetUnit, answers for units that are not in memory too.
            path: bytes = self._manager.Manager.LoadUnit(unit.encode())
            return path

    def _all(self, path: bytes, interface: bytes) -> Mapping[str, Any]:
        with explained("read the state of", path.decode()):
            arguments = apply_signature(b"s", [interface])
            body = self._bus.call_method(_SYSTEMD, path, _PROPERTIES, b"GetAll", arguments).body
        return {key.decode(): _text(value) for key, value in body.items()}


def _text(value: Any) -> Any:  # noqa: ANN401  # D-Bus values of any type
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list | tuple):
        return tuple(_text(part) for part in value)
    return value


def _number(error: DBusBaseError) -> int:
    """Return the errno(3) that sd-bus makes of an error (sd_bus_error_get_errno(3)); 0 if there is none."""
    return abs(int(getattr(error, "errno", 0) or 0))


def _is_denied(error: DBusBaseError) -> bool:
    # pystemd keeps no name of an error; sd-bus maps both of these names to one number.
    return _number(error) in {errno.EACCES, errno.EPERM}


_UNANSWERED = {
    errno.ETIMEDOUT,
    errno.ECONNRESET,
    errno.ENOTCONN,
    errno.EPIPE,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.ECANCELED,
}
"""Errors of the connection, or of a manager that is busy or going down: they say nothing of the unit."""


def _denied(what: str) -> AccessError:
    return AccessError(f"not permitted to {what}", hint="run this with sudo")


@contextlib.contextmanager
def explained(verb: str, target: str) -> Iterator[None]:
    """Turn pystemd's errors, whose own text is a joke, into ours."""
    try:
        yield
    except BeaconError:
        raise
    except DBusBaseError as error:
        if _is_denied(error):
            raise _denied(f"{verb} {target}") from error
        text = getattr(error, "err_message", b"") or b""
        words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        raise MachineError(f"cannot {verb} {target}: {words or error.errno}", hint=_NO_SYSTEMD) from error


_NO_SYSTEMD = "Beacon needs systemd as the first process of the machine (see systemctl status)"
