"""What systemd and the engine say is going on right now."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from beacon.model.reference import Digest


class Unwell(Struct, frozen=True):
    """Beacon's units that are not up."""

    down: frozenset[str] = frozenset()
    """Inactive or failed."""
    restarting: frozenset[str] = frozenset()
    """Those that failed, and that systemd is about to start again."""


class UnitState(Struct, frozen=True):
    """A unit as systemd sees it; the states are systemd's own words (systemd.unit(5), systemctl(1))."""

    name: str
    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    restarts: int = 0
    main_pid: int = 0
    started: int = 0
    """ActiveEnterTimestamp in microseconds since the epoch; 0 where it never was active."""
    left: int = 0
    """ActiveExitTimestampMonotonic: when it began to go down, in microseconds since the boot; 0 for never."""
    ended: int = 0
    """InactiveEnterTimestampMonotonic: when it was down."""
    exit_status: int = 0
    """ExecMainStatus of the last main process."""
    job: int = 0
    """The job that is queued for it; 0 where it changes by itself."""
    since: int = 0
    """InactiveEnterTimestamp: when it was down last, in microseconds since 1970."""

    @property
    def is_up(self) -> bool:
        """Whether it runs or is coming up."""
        return self.active in {"active", "activating", "reloading", "refreshing"}

    @property
    def is_down(self) -> bool:
        """Whether it is down, and nothing is about to bring it up."""
        resting = self.active in {"inactive", "failed"} and not self.sub.endswith("-before-auto-restart")
        return resting and not self.job

    @property
    def is_stopped(self) -> bool:
        """Whether its owner stopped it (or never started it): inactive, and not because it failed.

        A unit that crashes is on its way down too, or down for a moment, until it is started again; but no
        job takes it there, and one brings it back.
        """
        if self.load == "not-found":
            return False
        if self.active == "deactivating":
            return self.job != 0
        return self.active == "inactive" and self.sub != "dead-before-auto-restart" and self.job == 0


class Container(Struct, frozen=True):
    """A container of Beacon's, from the engine's listing."""

    service: str
    image_id: Digest
    release: int | None = None
    health: str = ""
    """``healthy``, ``unhealthy``, ``starting``, or empty where nothing checks it."""
    ports: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Container port (``8080/tcp``) to the host address and port that it is published at."""


class Usage(Struct, frozen=True):
    """What a unit takes, as systemd accounts for it; None where no controller does."""

    memory: int | None = None
    """In bytes."""
    cpu: int | None = None
    """In nanoseconds, since its start."""
    memory_limit: int | None = None
    tasks: int | None = None
    read: int | None = None
    written: int | None = None
    received: int | None = None
    sent: int | None = None


class EngineVolume(Struct, frozen=True):
    """A volume as its engine knows it; *folder* has the data."""

    folder: str
    labels: Mapping[str, str] = field(default_factory=dict)
    is_plain: bool = True
    """Whether the data is in *folder* for good: other drivers, and options, mount something else there."""
    is_anonymous: bool = False
    """Whether Podman removes it with a container that was run with ``--rm``, even if mounted by its name."""


class JobResult(StrEnum):
    """The result of a job as JobRemoved carries it (org.freedesktop.systemd1(5)), and two of ours."""

    DONE = "done"
    CANCELED = "canceled"
    TIMEOUT = "timeout"
    FAILED = "failed"
    DEPENDENCY = "dependency"
    SKIPPED = "skipped"
    ASSERT = "assert"
    UNSUPPORTED = "unsupported"
    COLLECTED = "collected"
    ONCE = "once"
    INVALID = "invalid"
    FROZEN = "frozen"
    CONCURRENCY = "concurrency"
    """Another unit of a slice with a limit of units is in the way (systemd.slice(5), ConcurrencyHardMax=)."""
    REFUSED = "refused"
    """systemd made no job at all: no such unit, or a unit file that it cannot load."""
    GAVE_UP = "gave-up"
    """Beacon's own time limit ran out before the job's did."""
    HOPELESS = "hopeless"
    """Beacon saw that the job would never be done, and did not wait for its end."""

    @classmethod
    def _missing_(cls, value: object) -> JobResult:  # noqa: ARG003  # whatever it is
        """Take what a newer systemd says, and this Beacon does not know, for a failure."""
        return cls.FAILED


class LastExit(Struct, frozen=True):
    """How the main process of a unit ended last, as the journal has it."""

    result: str
    """The unit's Result= for such an end (systemd.service(5))."""
    status: int
    """The exit status, or the number of the signal."""


class LastJob(Struct, frozen=True):
    """The job of a unit that ended last in this boot, as the journal has it."""

    kind: str
    """``start``, ``stop``, ``restart``, … (org.freedesktop.systemd1(5), JobType)."""
    result: str
    """A JobResult of systemd's."""
