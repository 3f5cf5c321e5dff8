"""Apps on disk: the catalog's manifests, and what is installed of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from beacon.errors import BeaconError, MachineError
from beacon.state.files import PRIVATE, explained, read_text, remove, rewrite, write_atomic

_MANIFEST = "app.toml"


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

    def forget(self, name: str) -> None:
        """Remove what is remembered of an app, and its files."""
        remove(self.path(name))
        folder = self._state / name
        explained(
            "remove", folder, lambda: shutil.rmtree(folder, ignore_errors=False) if folder.exists() else None
        )


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
