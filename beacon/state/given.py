"""What an owner gives by name: files, from the folder and with the variables of a terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from beacon import streams
from beacon.errors import UsageError
from beacon.importing.compose.reading.files import Source


def owners_files(environment: Mapping[str, str]) -> Source:
    """Return where the files are that an owner names. Raises UsageError if the folder has no name.

    Variables that are not UTF-8 count as unset: no definition can hold them.
    """
    try:
        folder = str(Path.cwd())
    except OSError as error:
        raise UsageError(f"cannot tell the working directory: {error.strerror}") from error
    if not streams.is_text(folder):
        raise UsageError(f"the working directory {folder!r} is not UTF-8")
    variables = {name: value for name, value in environment.items() if streams.is_text(name + value)}
    return Source(_read, os.path.exists, variables, folder)


def _read(path: str) -> str | None:
    """Return the text of a file; None without one, ValueError where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(str(reason)) from error
