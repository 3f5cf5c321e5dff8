"""How far a pull by Podman has come: it writes each layer, as it comes, to a file of its own."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

from beacon.engine.processes import tree

_BLOB = re.compile(r"(/.+/(?:container_images_)?storage\d+)/\d+")
"""Where containers/image keeps what it fetches until it is unpacked; the longer name is of version 5.30."""
_PAUSE = 0.5
"""Seconds from one measurement to the next."""


class Blobs:
    """The files that one pull has made; they are found by who has them open (proc_pid_fd(5))."""

    def __init__(self) -> None:
        self._folders: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._due = 0.0

    def fetched(self, pid: int) -> int | None:
        """Return how many bytes *pid* and the processes below it have fetched; None until that is known."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _PAUSE
            self._measure(pid)
        return sum(self._sizes.values()) if self._folders else None

    def _measure(self, pid: int) -> None:
        if not self._folders:
            self._folders = _folders(pid)
        for folder in self._folders:
            with contextlib.suppress(OSError), os.scandir(folder) as files:
                for file in files:  # once it is unpacked it goes, and counts all the same
                    with contextlib.suppress(OSError):
                        self._sizes[file.path] = max(file.stat().st_size, self._sizes.get(file.path, 0))


def _folders(root: int) -> set[str]:
    found = set()
    for pid in tree(root):
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as handles:
            for handle in handles:
                with contextlib.suppress(OSError):
                    blob = _BLOB.fullmatch(str(Path(handle.path).readlink()))
                    found |= {blob[1]} if blob else set()
    return found
