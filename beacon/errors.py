"""The exceptions that reach the person at the terminal, and the exit statuses that they stand for.

    BeaconError                   1
    ├── UsageError                2   a command line that makes no sense (click's own status)
    ├── NotActiveError            3   as systemctl's "program is not running"
    ├── NoSuchServiceError        4   as systemctl's "no such unit"
    ├── DefinitionError          65   EX_DATAERR: faults in definitions, all of them at once
    ├── RegistryError            69   EX_UNAVAILABLE: a registry that cannot or will not answer
    │   └── LimitError           69   one that asks for patience
    ├── StoreError               69   the same for a store that endpoints are published to
    ├── DeliveryError            69   the same for a target of notifications
    ├── MachineError                71   EX_OSERR: engine, systemd or disk refused
    ├── BusyError                75   EX_TEMPFAIL: another Beacon is at work on the same service
    ├── CanceledError            75   the same where its owner has thought better of it
    ├── PlanChangedError         75   another plan than its owner has seen
    ├── AccessError              77   EX_NOPERM: not permitted for this user
    └── ConfigError              78   EX_CONFIG: beacon.toml, registries.conf, auth.json

Anything else that surfaces is a bug and shows a traceback.
Statuses follow sysexits.h(3head) and, for status, update and doctor, beacon(1).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitStatus(IntEnum):
    """What the process says when it ends; beacon(1) documents each."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_ACTIVE = 3
    NO_SUCH_SERVICE = 4
    UPDATES_AVAILABLE = 10
    ROLLED_BACK = 20
    ROLLBACK_FAILED = 21
    DOCTOR_WARNING = 30
    DOCTOR_ERROR = 31
    DATAERR = 65
    UNAVAILABLE = 69
    OSERR = 71
    TEMPFAIL = 75
    NOPERM = 77
    CONFIG = 78


class BeaconError(Exception):
    """Something the owner can act on: one sentence on what failed, and a hint on what to do."""

    status = ExitStatus.FAILURE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(BeaconError):
    """Arguments that contradict each other or make no sense."""

    status = ExitStatus.USAGE


class NotActiveError(BeaconError):
    """A service that would have to run and does not."""

    status = ExitStatus.NOT_ACTIVE


class NoSuchServiceError(BeaconError):
    """A service that is neither defined nor installed, or an endpoint that no service has."""

    status = ExitStatus.NO_SUCH_SERVICE


class Fault(Struct, frozen=True, order=True):
    """One thing wrong in a file: *key* is its path (``port[0].host``), *problem* says what it must be."""

    file: str
    key: str
    problem: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.problem}"


def _by_line(fault: Fault) -> tuple[str, int, str, str]:
    """Return what faults are sorted by: line 5 of a file is before line 10."""
    file, colon, line = fault.file.rpartition(":")
    if colon and line.isdecimal():
        return file, int(line), fault.key, fault.problem
    return fault.file, 0, fault.key, fault.problem


class DefinitionError(BeaconError):
    """Faults in one or more definitions; *faults* holds every one of them, sorted."""

    status = ExitStatus.DATAERR

    def __init__(self, faults: Iterable[Fault], *, hint: str | None = None) -> None:
        self.faults = tuple(sorted(faults, key=_by_line))
        super().__init__("\n".join(str(fault) for fault in self.faults), hint=hint)


class RegistryError(BeaconError):
    """A registry that is unreachable, refuses, or says something that cannot be true."""

    status = ExitStatus.UNAVAILABLE


class LimitError(RegistryError):
    """A registry that asks for patience, as where its limit of pulls is spent for now.

    *retry_after* is in seconds, None where it did not say.
    """

    def __init__(self, message: str, *, hint: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class StoreError(BeaconError):
    """A store for endpoints that is unreachable or cannot be written."""

    status = ExitStatus.UNAVAILABLE


class DeliveryError(BeaconError):
    """A target of notifications that could not be notified; there is no secret in it."""

    status = ExitStatus.UNAVAILABLE


class MachineError(BeaconError):
    """The engine, systemd or the file system refused what was asked of it."""

    status = ExitStatus.OSERR


class BusyError(BeaconError):
    """Another Beacon process holds the lock; trying again later is right."""

    status = ExitStatus.TEMPFAIL


class CanceledError(BeaconError):
    """An operation that was canceled, before anything of the service had changed."""

    status = ExitStatus.TEMPFAIL


class PlanChangedError(BeaconError):
    """What is to be done is not what its owner has seen and asked for; nothing is done."""

    status = ExitStatus.TEMPFAIL


class AccessError(BeaconError):
    """The user may not do this; the hint says how it is done."""

    status = ExitStatus.NOPERM


class ConfigError(BeaconError):
    """A configuration file (not a definition) that cannot be used."""

    status = ExitStatus.CONFIG
