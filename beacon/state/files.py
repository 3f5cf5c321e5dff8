"""Atomic files: written beside their place, flushed, renamed; a reader sees the old or the new text."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple, TypeVar

from beacon.errors import AccessError, MachineError
from beacon.model.unit import (
    MARK,
    PREFIX,
    UnitFileName,
    container_name,
    definition_of,
    is_environment,
    is_plain,
    service_of_file,
)

T = TypeVar("T")

PRIVATE = 0o600
"""The mode of what other users must not read."""
PUBLIC = 0o644
_UNFINISHED = ".beacon."
"""How the names of files begin that are being written."""
_ABANDONED = 600.0
"""After so many seconds nobody writes such a file any more."""
_WANTED_BY = re.compile(r"^WantedBy=(\S+)$", re.MULTILINE)


class _Access(NamedTuple):
    """Who may read and write a file: its mode, and user and group where they are not this process's."""

    mode: int
    owner: tuple[int, int] | None = None


def write_atomic(
    path: Path,
    data: bytes,
    *,
    mode: int = PUBLIC,
    durable: bool = True,
    check: Callable[[Path], None] | None = None,
) -> None:
    """Put *data* at *path*, whole or not at all; raises MachineError with the old file untouched.

    *durable* flushes file and folder to the disk, so that the new text survives a power cut. *check* looks at
    the new file before it takes its place; an error of it leaves the old one.
    """
    explained("write", path, lambda: _write(path, data, _Access(mode), durable=durable, check=check))


def write_for(owner: tuple[int, int], path: Path, data: bytes, *, mode: int) -> None:
    """Put *data* at *path* in the same way, for the user and the group *owner*."""
    explained("write", path, lambda: _write(path, data, _Access(mode, owner)))


def rewrite(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Put *data* at *path*, whole or not at all, as whoever edits a file does.

    A link stays one; owner and mode are those of the file that is there, or *mode* for a new one.
    """

    def write() -> None:
        place = path.resolve()
        try:
            old = place.stat()
        except FileNotFoundError:
            _write(place, data, _Access(mode))
        else:
            _write(place, data, _Access(stat.S_IMODE(old.st_mode), (old.st_uid, old.st_gid)))

    explained("write", path, write)


def is_private(path: Path) -> bool | None:
    """Say whether the file at *path* is kept from others, by its mode or a folder's; None without one."""
    try:
        place = path.resolve()
        open_to_all = place.stat().st_mode & stat.S_IROTH and all(
            folder.stat().st_mode & stat.S_IXOTH for folder in place.parents
        )
    except OSError:
        return None
    return not open_to_all


def remove(path: Path) -> None:
    """Delete *path* durably; a file that is not there is no error."""
    explained("remove", path, lambda: _remove(path))


def unfinished(folder: Path) -> list[Path]:
    """Return what killed writes have left in *folder*; nothing where it cannot be read."""
    try:
        found = [entry for entry in os.scandir(folder) if entry.name.startswith(_UNFINISHED)]
        return [Path(entry) for entry in found if time.time() - entry.stat().st_mtime > _ABANDONED]
    except OSError:
        return []


def sweep(folder: Path) -> None:
    """Delete what killed writes have left in *folder*, as far as that can be done."""
    for path in unfinished(folder):
        with contextlib.suppress(OSError):
            path.unlink()


def read_text(path: Path, errors: str = "strict", newline: str | None = None) -> str | None:
    """Return the text at *path*, or None where there is no file; *errors* and *newline* are as for open()."""
    try:
        with path.open(encoding="utf-8", errors=errors, newline=newline) as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise AccessError(f"cannot read {path}: permission denied", hint="run this with sudo") from error
    except (OSError, UnicodeDecodeError) as error:
        raise MachineError(f"cannot read {path}: {_words(error)}") from error


def why_unreadable(path: Path) -> str | None:
    """Return why what is at *path* cannot be read as text; None where it can be, or nothing is there."""
    try:
        path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"is a link to {path.readlink()}, which is not there" if path.is_symlink() else None
    except (OSError, UnicodeDecodeError) as error:
        return f"cannot be read: {_words(error)}"
    return None


def explained(verb: str, path: Path, action: Callable[[], T]) -> T:
    """Return what *action* does to *path*; AccessError or MachineError says what hindered it."""
    try:
        return action()
    except PermissionError as error:
        raise AccessError(f"cannot {verb} {path}: permission denied", hint="run this with sudo") from error
    except OSError as error:
        raise MachineError(f"cannot {verb} {path}: {_words(error)}", hint=_hint(error)) from error


def _words(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start}"
        case OSError(strerror=str() as words):
            return words
        case _:
            return str(error)


def _hint(error: OSError) -> str | None:
    if error.errno == errno.ENOSPC:
        return "free some space (podman image prune, journalctl --vacuum-size=100M) and try again"
    if error.errno == errno.EROFS:
        return "the file system is read-only, at least for this unit; see dmesg(1) for errors of the disk"
    return None


def _write(
    path: Path,
    data: bytes,
    access: _Access,
    *,
    durable: bool = True,
    check: Callable[[Path], None] | None = None,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A dot file: neither Quadlet nor systemd reads what a killed write may leave behind, until it is swept.
    handle, temporary = tempfile.mkstemp(prefix=f"{_UNFINISHED}{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            made = os.fstat(stream.fileno())
            if access.owner is not None and access.owner != (made.st_uid, made.st_gid):
                os.fchown(stream.fileno(), *access.owner)
            os.fchmod(stream.fileno(), access.mode)
            if durable:
                os.fsync(stream.fileno())
        if check is not None:
            check(Path(temporary))
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    if durable:
        _sync_folder(path.parent)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        return
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class UnitDirectory:
    """The folders that Quadlet and systemd read, as far as files named ``beacon-*`` go.

    A plain unit is enabled, as ``systemctl enable`` does it, by the link that is made with a new file. A file
    that is there already keeps its link or its lack of one: the owner may have disabled it.
    """

    def __init__(
        self, quadlet: Path, plain: Path, private: Callable[[str], bool | None] = lambda _: None
    ) -> None:
        """Read and write there; *private* says whether a service's definition is, or None without one."""
        self.quadlet = quadlet
        self.plain = plain
        self._private = private

    def read_all(self) -> dict[str, str]:
        """Return name and text of every file that could be Beacon's."""
        return self._texts(*self._names(self.quadlet), *self._names(self.plain))

    def read_plain(self) -> dict[str, str]:
        """Return name and text of every plain unit that could be Beacon's: none where Quadlet makes them."""
        return self._texts(*self._names(self.plain))

    def strangers(self, known: Collection[str]) -> set[str]:
        """Return the services that have a main file of Beacon's, and are not *known*."""
        names = {name for folder in {self.quadlet, self.plain} for name in self._names(folder)}
        mains = {name: service for name in names if (service := service_of_file(name)) is not None}
        others = {name: service for name, service in mains.items() if service not in known}
        return {service for name, service in others.items() if (self.read(name) or "").startswith(MARK)}

    def read(self, name: str) -> str | None:
        """Return the text of one file, or None. What somebody put there that is not UTF-8 reads as U+FFFD."""
        return read_text(self.path(name), errors="replace", newline="")

    def is_customised(self, service: str) -> bool:
        """Say whether the owner has drop-ins for the unit of *service*, which no other unit has."""
        stem = container_name(service)
        names = ("container.d", f"{PREFIX}.container.d", f"{stem}.container.d", f"{stem}.service.d")
        folders = [folder / name for folder in (self.quadlet, self.plain) for name in names]
        return any(next(folder.glob("*.conf"), None) is not None for folder in folders)

    def put(self, name: str, text: str | None) -> None:
        """Write *text* at *name*, or remove the file where *text* is None. Nothing is written needlessly."""
        path = self.path(name)
        if text is None:
            remove(path)
            if _is_unit(name):
                self._disable(path)
            return
        old = self.read(name)
        if old is None and _is_unit(name) and (wanted := _WANTED_BY.search(text)):
            # Before the file: what a kill leaves is a link to nothing, which systemd ignores.
            self._enable(path, wanted[1])
        if old != text:
            write_atomic(path, text.encode(), mode=self.mode_of(name, text))

    def mode_of(self, name: str, text: str) -> int:
        """Return the mode of a file: what was made of a private definition is private, in every release.

        Without the definition it stays as it is.
        """
        service = definition_of(text)
        private = None if service is None else self._private(service)
        if private is None and service is not None:
            with contextlib.suppress(OSError):
                return stat.S_IMODE(self.path(name).stat().st_mode)
        return PRIVATE if private or is_environment(name) else PUBLIC

    def guard(self, name: str) -> None:
        """Give a service's file the mode that it is to have, after that of its definition has changed."""
        path, text = self.path(name), self.read(name)
        if text is None or definition_of(text) is None:
            return
        if stat.S_IMODE(path.stat().st_mode) != (mode := self.mode_of(name, text)):
            explained("write", path, lambda: path.chmod(mode))

    def _texts(self, *names: str) -> dict[str, str]:
        texts = {name: self.read(name) for name in sorted(names)}
        return {name: text for name, text in texts.items() if text is not None}

    def _names(self, folder: Path) -> list[str]:
        try:
            names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise MachineError(f"cannot read {folder}: {_words(error)}") from error
        known = [name for name in names if UnitFileName.parse(name) or is_environment(name)]
        return [name for name in known if self.path(name).parent == folder]

    def path(self, name: str) -> Path:
        """Return where the file *name* is, or would be."""
        return (self.plain if is_plain(name) else self.quadlet) / name

    def _enable(self, path: Path, target: str) -> None:
        link = self.plain / f"{target}.wants" / path.name
        explained("write", link, lambda: _link(link, path))

    def _disable(self, path: Path) -> None:
        for folder in self.plain.glob("*.wants"):
            if (folder / path.name).is_symlink():
                remove(folder / path.name)
                if folder.name.startswith(PREFIX):  # of a service's unit, for the timers of its jobs
                    with contextlib.suppress(OSError):
                        folder.rmdir()


def _is_unit(name: str) -> bool:
    return is_plain(name) and not is_environment(name)


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(target)
    _sync_folder(link.parent)
