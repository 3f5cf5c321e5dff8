"""Unpacking archives in memory, with bounds on all that they hold."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from typing import IO, cast

from beacon.catalog.sources import MOST_BYTES, MOST_FILES, without_top
from beacon.sources.tally import SourceError, Tally, is_kept

_BLOCKS = 4 * 1024 * MOST_FILES
"""Bytes of headers and padding that files may have in an archive."""
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


def unpack(name: str, data: bytes) -> dict[str, bytes]:
    """Return the manifests and icons of an archive, by their paths. Raises SourceError if it is a bad one."""
    try:
        files = _zip(data) if name.endswith(".zip") else _tar(name, data)
    except (*_BROKEN, NotImplementedError, RuntimeError) as error:  # of a zip that is encrypted
        raise SourceError(f"the archive is broken: {error}") from error
    return without_top(files)


class _Bounded(io.RawIOBase):
    """What comes out of *inner*, up to a bound: a small archive can unpack to terabytes."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner
        self._left = MOST_BYTES + _BLOCKS

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        found = self._inner.read(min(self._left + 1, size) if size >= 0 else self._left + 1)
        self._left -= len(found)
        if self._left < 0:
            raise SourceError(f"it has more than {MOST_BYTES >> 20} MiB")
        return found


def _tar(name: str, data: bytes) -> dict[str, bytes]:
    tally, found = Tally(), {}
    opened = lzma.open if name.endswith(".xz") else gzip.open
    with (
        opened(io.BytesIO(data)) as inner,
        tarfile.open(fileobj=_Bounded(cast("IO[bytes]", inner)), mode="r|") as archive,
    ):
        for member in archive:
            path = member.name.removeprefix("./")
            tally.add(path, member.size, is_link=member.issym() or member.islnk())
            if not member.isfile() and not member.isdir():
                raise SourceError(f"{path[:200]!r} is no file")
            content = archive.extractfile(member) if member.isfile() and is_kept(path) else None
            if content is not None:
                found[path] = content.read()
    return found


def _zip(data: bytes) -> dict[str, bytes]:
    tally, found = Tally(), {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        for member in members:
            mode = member.external_attr >> 16
            tally.add(member.filename, member.file_size, is_link=stat.S_ISLNK(mode))
        for member in members:
            if member.is_dir() or not is_kept(member.filename):
                continue
            with archive.open(member) as content:  # what is said of its size need not be true
                read = content.read(member.file_size + 1)
            if len(read) != member.file_size:
                raise SourceError(f"{member.filename[:200]!r} is not as large as is said")
            found[member.filename] = read
    return found
