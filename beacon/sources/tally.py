"""What a source may hold: counted before any of it is read."""

from __future__ import annotations

from beacon.catalog.sources import LARGEST, MOST_BYTES, MOST_FILES
from beacon.errors import BeaconError


class SourceError(BeaconError):
    """A source that cannot be fetched, or holds what it must not; nothing of it is used."""


class Tally:
    """Counts the files of a source."""

    def __init__(self) -> None:
        self._files = 0
        self._bytes = 0

    def add(self, name: str, size: int, *, is_link: bool = False) -> None:
        """Count a file. Raises SourceError if it is one too many, too large, a link, or out of place."""
        self._files += 1
        self._bytes += max(size, 0)
        if self._files > MOST_FILES:
            raise SourceError(f"it has more than {MOST_FILES} files")
        if self._bytes > MOST_BYTES:
            raise SourceError(f"it has more than {MOST_BYTES >> 20} MiB")
        if is_link:
            raise SourceError(f"{name[:200]!r} is a link, which a source must not have")
        if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/"):
            raise SourceError(f"{name[:200]!r} leads out of the source")
        if is_kept(name) and size > LARGEST:
            raise SourceError(f"{name[:200]!r} has more than {LARGEST >> 20} MiB")


def is_kept(name: str) -> bool:
    """Say whether a file is read at all: a manifest, or an icon."""
    return name.endswith((".toml", ".svg")) and not name.rpartition("/")[2].startswith(".")
