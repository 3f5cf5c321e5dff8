"""The definitions of services that were removed, kept for whoever wants one back."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from beacon.errors import MachineError
from beacon.state.files import explained, write_atomic

_KEPT = 100
"""So many removals can be taken back; a definition is a few hundred bytes."""
_FOLDER = re.compile(r"\d{8}T\d{6}Z(?:-\d+)?")


def keep(folder: Path, definitions: Mapping[str, Path], stamp: str) -> dict[str, Path]:
    """Copy definitions, by service, to a new folder in *folder*; return where each of them is.

    Only the owner can read it, for a definition may hold a password. *stamp* is the time (RFC 3339, in UTC);
    of all folders the last hundred stay. A link to nothing is left out. Raises MachineError or AccessError.
    """
    texts = {name: data for name, path in definitions.items() if (data := _read(path)) is not None}
    if not texts:
        return {}
    new = explained("write", folder, lambda: _new(folder, stamp))
    kept = {name: new / f"{name}.toml" for name in texts}
    for name, path in kept.items():
        write_atomic(path, texts[name], mode=0o600)
    found = sorted(path for path in folder.iterdir() if _FOLDER.fullmatch(path.name))
    for old in found[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return kept


def copies(folder: Path) -> dict[Path, list[str]]:
    """Return the folders of copies, the oldest first, each with its services."""
    try:
        found = sorted(path for path in folder.iterdir() if _FOLDER.fullmatch(path.name))
    except FileNotFoundError:
        return {}
    return {path: sorted(one.stem for one in path.glob("*.toml")) for path in found if path.is_dir()}


def remove_copy(path: Path) -> None:
    """Remove a copy of a definition that is still in its place."""
    with contextlib.suppress(OSError):
        path.unlink()
        path.parent.rmdir()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MachineError(f"cannot read {path}: {error.strerror}") from error


def _new(folder: Path, stamp: str) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    base = stamp.replace("-", "").replace(":", "")
    for number in itertools.count(1):
        new = folder / (base if number == 1 else f"{base}-{number}")
        with contextlib.suppress(FileExistsError):
            new.mkdir(mode=0o700)
            return new
    raise AssertionError
