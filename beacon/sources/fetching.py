"""A source, fetched: what it holds now, or why it cannot be had."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from beacon.catalog.sources import FOLDER, MOST_BYTES, Fetched, Source, chosen
from beacon.registry.transport import Deadline, Request, Transport, TransportError, Wiring
from beacon.sources.archive import unpack
from beacon.sources.git import clone
from beacon.sources.tally import SourceError, Tally, is_kept

_SECONDS = 240.0
_OK = 200


def fetch(source: Source, environment: Mapping[str, str]) -> Fetched:
    """Return what a source holds. Raises SourceError if it cannot be had, or is not as it must be."""
    if source.directory:
        return read_directory(Path(source.directory))
    if source.git:
        commit, files = clone(source.git, environment)
        return Fetched(commit, chosen(files))
    data = _download(source.archive)
    digest = hashlib.sha256(data).hexdigest()
    if digest != source.sha256:
        raise SourceError(
            f"{source.archive} has the checksum {digest}, and not {source.sha256}",
            hint="if its makers have changed it, add the source anew with the checksum that they name",
        )
    return Fetched(digest, chosen(unpack(urlsplit(source.archive).path, data)))


def read_directory(folder: Path) -> Fetched:
    """Return what a folder holds. Raises SourceError if it is none, or holds what it must not."""
    if not folder.is_dir():
        raise SourceError(f"{folder} is no folder")
    tally, files = Tally(), {}
    for entry in _entries(folder):
        name = str(Path(entry.path).relative_to(folder))
        is_link = entry.is_symlink() and (is_kept(name) or name in {FOLDER, "icons"})
        size = 0 if entry.is_symlink() or entry.is_dir() else entry.stat().st_size
        tally.add(name, size, is_link=is_link)
        if is_kept(name) and entry.is_file(follow_symlinks=False):
            files[name] = Path(entry.path).read_bytes()
    return Fetched("", chosen(files))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder, and in those below it in which manifests and icons may be."""
    try:
        for place in (folder, folder / FOLDER, folder / "icons"):
            if place.is_dir() and not place.is_symlink():
                with os.scandir(place) as entries:
                    yield from entries
    except OSError as error:
        raise SourceError(f"cannot read {folder}: {error.strerror}") from error


def _download(url: str) -> bytes:
    transport = Transport(Wiring(connections=1))
    try:
        reply = transport.send(Request("GET", url, {}, limit=MOST_BYTES), Deadline.within(_SECONDS))
    except TransportError as error:
        raise SourceError(f"{url} cannot be fetched: {str(error) or error.kind}") from error
    finally:
        transport.close()
    if reply.status != _OK:
        raise SourceError(f"{url} cannot be fetched: HTTP status {reply.status}")
    return reply.body
