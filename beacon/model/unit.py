"""Files that Beacon installs, and what they are called."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from beacon.model.machine import Engine

PREFIX = "beacon-"
SERVICE_LABEL = "io.beacon.service"
"""The label of containers and volumes that says whose they are."""
RELEASE_LABEL = "io.beacon.release"
VOLUME_LABEL = "io.beacon.volume"
"""The label of a volume that says what its definition calls it."""
COPIED_LABEL = "io.beacon.copied-from"
"""The label of a volume that Beacon made as a copy; the engine and the volume that it copied."""
MARK = "# Managed by Beacon: "
"""How the first line of every file begins that Beacon wrote."""
KEEPER = f"{PREFIX}kept."
"""How the names of containers begin that keep volumes (Podman's); no service's has a full stop there."""
_UNNAMED = re.compile(r"[0-9a-f]{64}")


def is_unnamed(volume: str | None) -> bool:
    """Say whether a volume of an engine is called by an id: nobody gave it a name."""
    return volume is not None and _UNNAMED.fullmatch(volume) is not None


class UnitFile(Struct, frozen=True, order=True):
    """One file to install: its *name* in the Quadlet or unit directory, and its whole *text*."""

    name: str
    text: str


def container_name(service: str) -> str:
    """Return the container's name, which is also the stem of its unit."""
    return f"{PREFIX}{service}"


def unit_name(service: str) -> str:
    """Return the systemd unit that runs *service*."""
    return f"{PREFIX}{service}.service"


def slice_name(name: str) -> str:
    """Return the slice of a service's container.

    A dash would make it a part of another service's slice (systemd.slice(5)), and no name has an underscore.
    """
    return f"{container_name(name.replace('-', '_'))}.slice"


JOB_LIMIT = 3600.0
"""Seconds that a job may take until its start counts as failed."""
TIMER = f"{PREFIX}update.timer"
"""What has images asked for."""
_WAITER = f"{PREFIX}healthy@"
_BESIDE = ".next"
_JOB = ".job-"


def waiter_name(service: str) -> str:
    """Return the unit whose start is done once *service* is healthy; it is Beacon's own, for all services."""
    return f"{_WAITER}{service}.service"


def is_waiter(unit: str) -> bool:
    """Say whether *unit* only waits for a service."""
    return unit.startswith(_WAITER)


def hook_unit(service: str) -> str:
    """Return the unit in which a hook of *service* runs; a service cannot have the name of that unit."""
    return f"beacon-hook.{service}.service"


def job_unit(service: str, job: str) -> str:
    """Return the unit that runs a job of *service*; a service cannot have the name of that unit."""
    return f"{container_name(service)}{_JOB}{job}.service"


def job_timer(service: str, job: str) -> str:
    """Return the timer of a job."""
    return f"{container_name(service)}{_JOB}{job}.timer"


def job_of(unit: str) -> tuple[str, str]:
    """Return the service and the job that *unit* is of; both are empty if it is none."""
    if not is_job(unit):
        return "", ""
    service, _, job = unit.removeprefix(PREFIX).rpartition(".")[0].partition(_JOB)
    return service, job


def is_job(unit: str) -> bool:
    """Say whether *unit* is a job of a service or its timer: systemd starts and stops it with that."""
    return unit.startswith(PREFIX) and _JOB in unit and unit.endswith((".service", ".timer"))


def helper_name(service: str) -> str:
    """Return what the helper is called that runs a release of *service* beside the live one.

    It is a service like others to systemd and the engine; no definition can have such a name.
    """
    return f"{service}{_BESIDE}"


def helped(name: str) -> str:
    """Return the service that what systemd and the engine call *name* belongs to, be it a helper or not."""
    return name.removesuffix(_BESIDE)


def service_of_unit(unit: str) -> str | None:
    """Return the service that *unit* would run, or None for a unit that is not named as Beacon's are."""
    if not unit.startswith(PREFIX) or not unit.endswith(".service") or is_waiter(unit) or is_job(unit):
        return None
    return unit[len(PREFIX) : -len(".service")] or None


class FileSort(StrEnum):
    """What a file of Beacon's is for; each is a Quadlet file on some machines and a plain unit on others."""

    CONTAINER = "container"
    VOLUME = "volume"
    NETWORK = "network"
    SLICE = "slice"
    JOB = "job"
    TIMER = "timer"


_OF_JOBS = {FileSort.JOB, FileSort.TIMER}
_SORTS = {sort.value: sort for sort in FileSort if sort not in _OF_JOBS}
"""By the suffixes of files."""


class UnitFileName(Struct, frozen=True):
    """The name of a file of Beacon's, taken apart: ``beacon-web-data.volume`` is a volume's, of that stem.

    Its plain counterpart is ``beacon-web-data-volume.service``, of the same stem.
    """

    stem: str
    sort: FileSort

    @classmethod
    def parse(cls, name: str) -> UnitFileName | None:
        """Take *name* apart; None where it is no name of a file of Beacon's."""
        stem, _, suffix = name.rpartition(".")
        if not stem.startswith(PREFIX):
            return None
        if is_job(name):
            return cls(stem, FileSort.JOB if suffix == "service" else FileSort.TIMER)
        if suffix != "service":
            return cls(stem, _SORTS[suffix]) if suffix in _SORTS else None
        for sort in (FileSort.VOLUME, FileSort.NETWORK):
            whose = stem.removesuffix(f"-{sort}")
            if whose != stem and whose.startswith(PREFIX):  # a service may be called volume
                return cls(whose, sort)
        return cls(stem, FileSort.CONTAINER)

    @property
    def unit(self) -> str:
        """The unit that the file is, or that Quadlet makes of it."""
        match self.sort:
            case FileSort.CONTAINER | FileSort.JOB:
                return f"{self.stem}.service"
            case FileSort.SLICE | FileSort.TIMER:
                return f"{self.stem}.{self.sort}"
            case FileSort.VOLUME | FileSort.NETWORK:
                return f"{self.stem}-{self.sort}.service"

    @property
    def files(self) -> tuple[str, str]:
        """What the file is called: with Quadlet, and as a plain unit."""
        if self.sort in _OF_JOBS:
            return self.unit, self.unit
        return f"{self.stem}.{self.sort}", self.unit


def is_service_file(name: str) -> bool:
    """Say whether *name* is that of a service's main file, which runs its container."""
    return service_of_file(name) is not None


def service_of_file(name: str) -> str | None:
    """Return the service whose main file is called *name*; None for other files."""
    parsed = UnitFileName.parse(name)
    if parsed is None or parsed.sort is not FileSort.CONTAINER:
        return None
    return parsed.stem.removeprefix(PREFIX)


def service_files(service: str) -> tuple[str, str]:
    """Return what the main file of *service* is called: with Quadlet, and as a plain unit."""
    return UnitFileName(container_name(service), FileSort.CONTAINER).files


_ENVIRONMENT = re.compile(rf"{PREFIX}.+\.(container|service)\.[0-9]+(?:\.lines)?\.env")


def environment_files(service: str, release: int | None) -> tuple[str, ...]:
    """Return what the files with the private environment of a release may be called, on any machine.

    Each is named after the file that needs it. The engine reads the first kind; of values of several lines,
    which that cannot hold, the service manager reads the second.
    """
    return tuple(
        f"{file}.{release or 0}{lines}.env" for file in service_files(service) for lines in ("", ".lines")
    )


def is_environment(name: str) -> bool:
    """Say whether a file of Beacon's called *name* holds the private environment of a release."""
    return _ENVIRONMENT.fullmatch(name) is not None


def without_values(name: str, text: str) -> str:
    """Return the *text* of the environment file *name* with the names of its variables alone."""
    if name.endswith(".lines.env"):
        names = _ASSIGNED.findall(text)
    else:
        lines = (line for line in text.split("\n") if "=" in line and not line.startswith("#"))
        names = [line.partition("=")[0] for line in lines]
    return "".join(f"{one}=…\n" for one in names)


_ASSIGNED = re.compile(r'^([A-Za-z_][A-Za-z0-9_]*)="(?:[^"\\]|\\.)*"$', re.MULTILINE | re.DOTALL)


def is_plain(name: str) -> bool:
    """Say whether a file is one that systemd reads itself, or belongs to one; Quadlet reads the others."""
    found = _ENVIRONMENT.fullmatch(name)
    return found[1] == "service" if found else name.endswith((".service", ".slice", ".timer"))


_OWNER = re.compile(rf"{MARK}service ([a-z0-9-]+)")


def definition_of(text: str) -> str | None:
    """Return the service of whose definition a file of Beacon's with that *text* was made, a helper's too."""
    found = _OWNER.match(text)
    return found[1] if found else None


def engine_of(text: str) -> Engine:
    """Return the engine that a unit file of Beacon's with that text needs."""
    return Engine.DOCKER if "\nRequires=docker.service\n" in text else Engine.PODMAN
