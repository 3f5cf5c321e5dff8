"""A file as a store of endpoints: checked, put in place whole, and its reader made to read it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from beacon.endpoints.routing.publisher import Change
from beacon.errors import StoreError
from beacon.model.endpoints.publication import PLACE, FileAccess

_PATIENCE = 30.0
"""Seconds for a check and for a reload."""


class PutInPlace(Protocol):
    """Puts a file in place atomically."""

    def __call__(self, path: Path, data: bytes, *, mode: int, check: Callable[[Path], None]) -> None:
        """Put *data* at *path* when *check* has looked at it in a file beside."""


class FilePublisher:
    """Publishes to one file; its only key is its path. It is never deleted: what reads it needs it."""

    def __init__(self, access: FileAccess, place: PutInPlace) -> None:
        self._access = access
        self._place = place

    @property
    def where(self) -> str:
        """The path."""
        return self._access.path

    def read(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return the text of the file, where it is there."""
        found = {}
        for key in keys:
            try:
                found[key] = Path(key).read_bytes().decode()
            except (FileNotFoundError, UnicodeDecodeError):
                continue
            except OSError as error:
                raise StoreError(f"cannot read {key}: {error.strerror}") from error
        return found

    def write(self, change: Change) -> None:
        """Check the new file, put it in place, and reload."""
        for key, entry in change.put.items():
            self._place(Path(key), entry.value.encode(), mode=self._access.mode, check=self._check)
        if self._access.reload and change.put:
            _run(self._access.reload, f"{self.where} is new, but its reload failed")

    def _check(self, new: Path) -> None:
        if self._access.check:
            argv = [one.replace(PLACE, str(new)) for one in self._access.check]
            _run(argv, f"{self.where} stays as it was: the check refused the new one")


def _run(argv: Sequence[str], otherwise: str) -> None:
    """Run a command of the owner's; StoreError, beginning with *otherwise*, where it fails."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except OSError as error:
        raise StoreError(f"{otherwise}: cannot run {argv[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise StoreError(f"{otherwise}: {argv[0]} did not end within {_PATIENCE:.0f} s") from error
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        said = lines[-1] if lines else f"{argv[0]} ended with status {done.returncode}"
        raise StoreError(f"{otherwise}: {said}", hint=f"try it: {' '.join(argv)}")
