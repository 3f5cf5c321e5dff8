"""Apps on disk: the catalog's manifests, what is installed of them, and what is being changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
from msgspec import Struct

from beacon.errors import BeaconError, MachineError
from beacon.model.rollout.apps import CHANGE_VERSION, AppChange
from beacon.state.files import PRIVATE, explained, read_text, remove, rewrite, write_atomic
from beacon.state.lock import locked

_MANIFEST = "app.toml"
_FAILED = "failed"


class Entry(Struct, frozen=True):
    """A manifest of the catalog."""

    file: Path
    text: str
    is_own: bool
    """Whether the owner wrote it; such a one goes before the built-in one of its name."""


class Catalog:
    """The manifests that there are: the owner's folder, then the built-in one; a file for each app."""

    def __init__(self, own: Path, built_in: Path) -> None:
        self._own = own
        self._built_in = built_in

    def names(self) -> list[str]:
        """Return the apps."""
        return sorted({name for folder in (self._own, self._built_in) for name in _manifests(folder)})

    def each(self) -> Iterator[tuple[str, Entry | BeaconError]]:
        """Yield each app with its manifest, or with why that cannot be read."""
        there = {name: folder for folder in (self._built_in, self._own) for name in _manifests(folder)}
        for name, folder in sorted(there.items()):
            try:
                entry = self._entry(folder, name)
            except BeaconError as error:
                yield name, error
            else:
                if entry is not None:
                    yield name, entry

    def find(self, name: str) -> Entry | None:
        """Return the manifest of an app."""
        entries = (self._entry(folder, name) for folder in (self._own, self._built_in))
        return next((entry for entry in entries if entry is not None), None)

    def _entry(self, folder: Path, name: str) -> Entry | None:
        file = folder / f"{name}.toml"
        text = read_text(file)
        return None if text is None else Entry(file, text, is_own=folder == self._own)


def _manifests(folder: Path) -> list[str]:
    try:
        found = explained("read", folder, lambda: [path.name for path in folder.iterdir()])
    except MachineError:
        if folder.exists():
            raise
        return []
    return [name[: -len(".toml")] for name in found if name.endswith(".toml") and not name.startswith(".")]


class Installed:
    """What is installed: what its owner says of each app, its manifest as it was then, and its files."""

    def __init__(self, config: Path, state: Path) -> None:
        self._config = config
        self._state = state

    def names(self) -> list[str]:
        """Return the installed apps."""
        return sorted(path.stem for path in self._config.glob("*.toml") if not path.name.startswith("."))

    def path(self, name: str) -> Path:
        """Return the file that is its owner's."""
        return self._config / f"{name}.toml"

    def files(self, name: str) -> Path:
        """Return the folder of the files that services of an app read."""
        return self._state / name / "files"

    def read(self, name: str) -> str | None:
        """Return what its owner says of an app."""
        return read_text(self.path(name))

    def manifest(self, name: str) -> str | None:
        """Return the manifest that an app was installed from."""
        return read_text(self._state / name / _MANIFEST)

    def write(self, name: str, owners: str, manifest: str) -> None:
        """Remember an app; what its owner says comes last, since without it there is no app."""
        write_atomic(self._state / name / _MANIFEST, manifest.encode(), mode=PRIVATE)
        rewrite(self.path(name), owners.encode())

    def write_files(self, files: Mapping[str, tuple[str, int]]) -> None:
        """Write the files of an app; containers read them, whoever runs in those, by their mounts alone."""
        for path, (text, mode) in files.items():
            write_atomic(Path(path), text.encode(), mode=mode)

    def failed(self, name: str) -> str:
        """Return the digest of the manifest that an app went back from; empty for none."""
        return read_text(self._state / name / _FAILED) or ""

    def note_failed(self, name: str, digest: str) -> None:
        """Remember which manifest an app went back from; an empty *digest* forgets it."""
        path = self._state / name / _FAILED
        if digest:
            write_atomic(path, digest.encode(), mode=PRIVATE)
        else:
            remove(path)

    def forget(self, name: str) -> None:
        """Remove what is remembered of an app, and its files."""
        remove(self.path(name))
        folder = self._state / name
        explained(
            "remove", folder, lambda: shutil.rmtree(folder, ignore_errors=False) if folder.exists() else None
        )


class Changes:
    """The changes of apps under way: each is on disk before it begins, until it has ended."""

    def __init__(self, state: Path, runtime: Path) -> None:
        self._state = state
        self._runtime = runtime

    def names(self) -> list[str]:
        """Return the apps that are being changed, or whose change was cut off."""
        return sorted(path.stem for path in self._state.glob("*.json") if not path.name.startswith("."))

    def load(self, name: str) -> AppChange | None:
        """Return the change of an app; MachineError if it cannot be understood."""
        path = self._path(name)
        text = read_text(path)
        if text is None:
            return None
        try:
            change = msgspec.json.decode(text, type=AppChange)
        except msgspec.DecodeError as error:
            raise MachineError(f"{path}: {error}") from error
        if change.version > CHANGE_VERSION:
            raise MachineError(f"{path} was written by a newer Beacon", hint="install that again")
        return change

    def save(self, change: AppChange) -> None:
        """Write down a change before anything of it is done."""
        write_atomic(self._path(change.name), msgspec.json.encode(change), mode=PRIVATE)

    def end(self, name: str) -> None:
        """Forget a change that has ended."""
        remove(self._path(name))

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold the lock of an app while the block runs. Raises BusyError if another process changes it."""
        return locked(self._runtime, f"_app.{name}")

    def _path(self, name: str) -> Path:
        return self._state / f"{name}.json"


def make_library(path: str, owner: tuple[int, int]) -> None:
    """Make a shared folder that is not there, and give it to *owner*."""
    folder = Path(path)
    if folder.is_dir():
        return
    if folder.exists():
        raise MachineError(f"{path} is no folder")

    def make() -> None:
        folder.mkdir(mode=0o775, parents=True)
        folder.chmod(0o775)
        shutil.chown(folder, *owner)

    explained("make", folder, make)
