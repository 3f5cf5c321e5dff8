"""What stayed behind: of services that are gone, of writes and rollouts that were killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from beacon.doctor.collect.engine import containers
from beacon.doctor.collect.survey import Survey, is_own
from beacon.doctor.judge.facts import EngineLeftovers, FileLeftovers, StuckRollout
from beacon.engine.base import kept_releases
from beacon.errors import AccessError, MachineError
from beacon.model.unit import PREFIX, UnitFileName, container_name
from beacon.state.files import unfinished
from beacon.state.lock import holders
from beacon.units.mark import read_mark


def files(survey: Survey) -> FileLeftovers:
    """Look for files and folders that nothing needs."""
    names = survey.names()
    paths = survey.machine.paths
    orphans = [
        str(survey.machine.units.path(name))
        for name, text in survey.installed().items()
        if (mark := read_mark(text)) and mark.service is not None and mark.service not in names
    ]
    return FileLeftovers(
        undefined=tuple(sorted(survey.remembered() - survey.definitions().keys())),
        orphans=tuple(orphans),
        unfinished=tuple(str(path) for folder in paths.written for path in unfinished(folder)),
        drop_ins=tuple(str(path) for path in _drop_ins(survey)),
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise AccessError(f"cannot read {folder}: permission denied", hint="sudo beacon doctor") from error


def _drop_ins(survey: Survey) -> Iterator[Path]:
    """Yield drop-in folders (systemd.unit(5)) of units that no service has any more."""
    installed = {UnitFileName.parse(name) for name in survey.installed()}
    known = {container_name(name) for name in survey.names()}
    for folder in (survey.machine.paths.quadlet, survey.machine.paths.units):
        for entry in _entries(folder):
            name = entry.name.removesuffix(".d")
            parsed = UnitFileName.parse(name)
            if parsed is None or name == entry.name or not entry.is_dir() or is_own(name):
                continue
            stem = parsed.stem
            belongs = stem == PREFIX or stem in known or any(stem.startswith(f"{one}-") for one in known)
            if not belongs and parsed not in installed:
                yield Path(entry.path)


def in_engine(survey: Survey) -> EngineLeftovers:
    """Look for containers, volumes and names of images of services that are gone."""
    names = survey.names()
    installed = {mark.service for text in survey.installed().values() if (mark := read_mark(text))}
    kept = kept_releases(survey.images())
    return EngineLeftovers(
        containers=tuple(
            sorted(
                name
                for name, (service, _) in containers(survey).items()
                if service not in names and service not in installed
            )
        ),
        volumes=tuple(
            sorted(
                volume for volume, service in survey.machine.engine.volumes().items() if service not in names
            )
        ),
        images=tuple(sorted(name for name, (service, _) in kept.items() if service not in names)),
    )


def rollouts(survey: Survey) -> tuple[StuckRollout, ...]:
    """Look for rollouts that no process is at: their service's lock is free."""
    found = []
    for name, state in survey.states().items():
        if state.rollout is None or is_locked(survey.machine.paths.runtime / f"{name}.lock"):
            continue
        # Its process may have ended it, and let go of the lock, since the state was read.
        again = survey.machine.store.load(name).rollout
        if again is None or again != state.rollout:
            continue
        try:
            record = survey.machine.store.rollout(name)
        except MachineError as error:
            found.append(StuckRollout(name, again.release, fault=error.message, mend=error.hint or ""))
            continue
        if record is not None:
            found.append(StuckRollout(name, again.release, record.doing, record.started))
    return tuple(found)


def is_locked(path: Path, locks: str | None = None) -> bool:
    """Say whether somebody holds the flock(2) on *path*; *locks* is the text of /proc/locks."""
    try:
        return bool(holders(path.stat(), locks))
    except FileNotFoundError:
        return False
