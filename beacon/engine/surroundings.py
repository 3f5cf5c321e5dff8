"""What of the machine a container needs that its engine does not make."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from beacon.engine.listening import listeners


class MachineSurroundings:
    """Looks at this machine; *folders* are those in which a start needs room."""

    def __init__(self, folders: Collection[Path]) -> None:
        self._folders = folders

    def absent(self, paths: Iterable[str]) -> frozenset[str]:
        """Return those of *paths* at which there is nothing, as far as that is known."""
        return frozenset(path for path in paths if _is_absent(path))

    def listeners(self) -> frozenset[tuple[str, int, str]]:
        """Return address, port and protocol of all sockets at which somebody listens."""
        return listeners()

    def room(self) -> Mapping[str, int]:
        """Return how many bytes this user may still write, by folder."""
        found = {}
        for folder in self._folders:
            try:
                status = os.statvfs(folder)
            except OSError:
                continue
            free = status.f_bfree if os.geteuid() == 0 else status.f_bavail
            found[str(folder)] = free * status.f_frsize
        return found

    def memory(self) -> int:
        """Return how many bytes of memory there are in all."""
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _is_absent(path: str) -> bool:
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
