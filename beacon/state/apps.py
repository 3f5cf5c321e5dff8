"""Apps on disk: the catalog's manifests, what is installed of them, and what is being changed."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from beacon.catalog.sources import OWN
from beacon.errors import BeaconError, MachineError
from beacon.model.rollout.apps import CHANGE_VERSION, AppChange, FirstSteps
from beacon.state.files import PRIVATE, explained, read_text, remove, rewrite, write_atomic
from beacon.state.lock import locked

_MANIFEST = "app.toml"
_FAILED = "failed"
_STEPS = ".steps"


class Shelf(Struct, frozen=True):
    """A folder of manifests, a file for each app; *origin* is what is said of them."""

    origin: str
    folder: Path
    icons: Path
    follows_links: bool = True


class Entry(Struct, frozen=True):
    """A manifest of the catalog."""

    file: Path
    text: str
    origin: str
    """own, built-in, or the source that it comes from."""
    before: tuple[str, ...] = ()
    """Where others of its name come from, which it goes before."""
    icon: Path | None = None

    @property
    def is_own(self) -> bool:
        """Whether the owner wrote it."""
        return self.origin == OWN


class Catalog:
    """The manifests that there are, on shelves of which each goes before those behind it."""

    def __init__(self, shelves: Sequence[Shelf]) -> None:
        self._shelves = shelves

    def names(self) -> list[str]:
        """Return the apps."""
        return sorted({name for shelf in self._shelves for name in _manifests(shelf)})

    def each(self) -> Iterator[tuple[str, Entry | BeaconError]]:
        """Yield each app with its manifest, or with why that cannot be read."""
        there: dict[str, list[Shelf]] = {}
        for shelf in self._shelves:
            for name in _manifests(shelf):
                there.setdefault(name, []).append(shelf)
        for name, shelves in sorted(there.items()):
            try:
                entry = _entry(shelves[0], name)
            except BeaconError as error:
                yield name, error
            else:
                if entry is not None:
                    yield name, replace(entry, before=tuple(one.origin for one in shelves[1:]))

    def find(self, name: str, origins: Collection[str] | None = None) -> Entry | None:
        """Return the manifest of an app, of *origins* alone if they are given."""
        shelves = [one for one in self._shelves if origins is None or one.origin in origins]
        for index, shelf in enumerate(shelves):
            entry = _entry(shelf, name)
            if entry is not None:
                others = (one for one in shelves[index + 1 :] if (one.folder / f"{name}.toml").exists())
                icons = (place / f"{name}.svg" for place in (shelf.folder, shelf.icons))
                icon = next((one for one in icons if one.is_file() and not one.is_symlink()), None)
                return replace(entry, before=tuple(one.origin for one in others), icon=icon)
        return None


def _entry(shelf: Shelf, name: str) -> Entry | None:
    file = shelf.folder / f"{name}.toml"
    if not shelf.follows_links and file.is_symlink():
        raise MachineError(f"{file} is a link, which a source must not have")
    text = read_text(file)
    return None if text is None else Entry(file, text, shelf.origin)


def _manifests(shelf: Shelf) -> list[str]:
    folder = shelf.folder
    try:
        found = explained("read", folder, lambda: [path.name for path in folder.iterdir()])
    except MachineError:
        if folder.exists() and shelf.follows_links:
            raise
        return []  # of a source that cannot be read, which keeps no other app away
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

    def first_steps(self, name: str) -> FirstSteps | None:
        """Return what was done when an app was up for the first time; None if nothing was to be done."""
        path = self._state / f"{name}{_STEPS}"
        text = read_text(path)
        if text is None:
            return None
        try:
            return msgspec.json.decode(text, type=FirstSteps)
        except msgspec.DecodeError as error:
            raise MachineError(f"{path}: {error}") from error

    def note_steps(self, name: str, steps: FirstSteps | None) -> None:
        """Remember that, also if the app is removed; None forgets it."""
        path = self._state / f"{name}{_STEPS}"
        if steps is None:
            remove(path)
        else:
            write_atomic(path, msgspec.json.encode(steps), mode=PRIVATE)

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
