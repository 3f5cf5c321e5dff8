"""Sources of apps on disk: what the owner named, and what was fetched of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from beacon.catalog.sources import FOLDER, Fetched, Source, read_source, source_name
from beacon.definition.encode import as_toml
from beacon.errors import BeaconError, ConfigError
from beacon.formats.tomltext import read_toml
from beacon.state.files import explained, read_text, remove, rewrite, write_atomic
from beacon.state.lock import locked

_VERSION = 1
_PATIENCE = 600.0
_DAY = timedelta(hours=23)
"""A day of a timer that does not run on the minute."""
_HEAD = "# A source of apps (beacon-app(5)); beacon app source lists, fetches and removes them.\n\n"


class SourceState(Struct, frozen=True):
    """What is there of a source that is fetched: *folder* holds its manifests."""

    folder: str = ""
    revision: str = ""
    fetched: datetime | None = None
    tried: datetime | None = None
    """When it was last tried, whatever came of it."""
    version: int = _VERSION


class Sources:
    """The sources: a file of the owner's for each, and what was fetched."""

    def __init__(self, config: Path, state: Path, runtime: Path) -> None:
        self._config = config
        self._state = state
        self._runtime = runtime

    def names(self) -> list[str]:
        """Return the sources."""
        return sorted(path.stem for path in self._config.glob("*.toml") if not path.name.startswith("."))

    def path(self, name: str) -> Path:
        """Return the file that is its owner's."""
        return self._config / f"{name}.toml"

    def read(self, name: str) -> Source | None:
        """Return a source. Raises ConfigError if its file cannot be understood."""
        text = read_text(self.path(name))
        if text is None:
            return None
        try:
            source_name(name)
            return read_source(read_toml(text))
        except ValueError as error:
            raise ConfigError(
                f"{self.path(name)}: {error}", hint=f"beacon app source remove {name}"
            ) from error

    def state(self, name: str) -> SourceState:
        """Return what is there of a source; what cannot be read is fetched again."""
        with suppress(BeaconError, ValueError, msgspec.MsgspecError):
            text = read_text(self._state / f"{name}.json")
            return SourceState() if text is None else msgspec.json.decode(text, type=SourceState)
        return SourceState()

    def is_due(self, name: str, now: datetime) -> bool:
        """Say whether it is a day since a source was tried; a clock that was set back makes it so."""
        tried = self.state(name).tried
        return tried is None or not timedelta() <= now - tried < _DAY

    def folder(self, name: str, source: Source) -> Path | None:
        """Return where the manifests of a source are; None while there are none."""
        if source.directory:
            inner = Path(source.directory) / FOLDER
            return inner if any(inner.glob("*.toml")) else Path(source.directory)
        held = self.state(name).folder
        return self._state / name / Path(held).name if held else None

    @contextmanager
    def alone(self, wait: float = _PATIENCE) -> Iterator[None]:
        """Be the only one who changes sources; BusyError after *wait* seconds in vain."""
        with locked(self._runtime, "_sources", wait=wait):
            yield

    def keep(self, name: str, fetched: Fetched, now: datetime) -> None:
        """Have what was fetched take the place of what is there: by one rename, of the file that names it."""
        home = self._state / name
        place = home / os.urandom(8).hex()
        for file, data in fetched.files.items():
            write_atomic(place / file, data, mode=0o644)
        self._write(name, SourceState(place.name, fetched.revision, now, now))
        for other in explained("read", home, lambda: list(home.iterdir())):
            if other != place:
                shutil.rmtree(other, ignore_errors=True)

    def note_same(self, name: str, now: datetime) -> None:
        """Remember that a source is as it was."""
        self._write(name, replace(self.state(name), fetched=now, tried=now))

    def note_try(self, name: str, now: datetime) -> None:
        """Remember that a source was tried in vain."""
        self._write(name, replace(self.state(name), tried=now))

    def name(self, name: str, source: Source) -> None:
        """Remember a source as its owner named it."""
        said: dict[str, Any] = {
            key: value for key in source.__struct_fields__ if (value := getattr(source, key))
        }
        rewrite(self.path(name), f"{_HEAD}{as_toml(said)}".encode(), mode=0o644)

    def forget(self, name: str) -> None:
        """Remove a source, and what was fetched of it."""
        remove(self.path(name))
        remove(self._state / f"{name}.json")
        folder = self._state / name
        explained("remove", folder, lambda: shutil.rmtree(folder) if folder.exists() else None)

    def _write(self, name: str, state: SourceState) -> None:
        write_atomic(self._state / f"{name}.json", msgspec.json.encode(state), mode=0o644)
