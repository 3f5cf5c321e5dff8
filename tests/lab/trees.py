"""Files that are easy to get wrong when they are copied, and a picture of them to compare."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.lab.stage import Stage

Picture = dict[str, tuple[object, ...]]
"""Path → all that is to be the same."""

_PLANT = r"""
set -e
cd "$1"
umask 022
echo "precious $1" > file; chown 33:44 file; chmod 640 file
echo run > run; chmod 6755 run
mkdir -p deep/sticky; chmod 1777 deep/sticky; chown 12:34 deep
ln file deep/hard
ln -s ../file deep/soft; ln -s /nowhere broken; chown -h 5:6 broken
mkfifo pipe; chmod 600 pipe
echo odd > "$(printf 'odd \n name')"
: > empty; touch -d '2001-02-03 04:05:06' empty
dd if=/dev/zero of=sparse bs=1 count=1 seek=5000000 2> /dev/null
chown 7:8 .; chmod 2750 .
"""


def plant(stage: Stage, container: str, *paths: str, engine: str | None = None) -> None:
    """Write such files into volumes of a container that runs."""
    for path in paths:
        words = ("exec", "--user=0", container, "sh", "-c", _PLANT, "sh", path)
        stage.run(engine or stage.kind.engine, *words)
        os.setxattr(_folder(stage, container, path, engine) / "file", "user.colour", b"green")


def tree(stage: Stage, container: str, *paths: str, engine: str | None = None) -> dict[str, Picture]:
    """Return a picture of all that is in volumes of a container: equal pictures, equal files."""
    return {path: dict(_picture(_folder(stage, container, path, engine))) for path in paths}


def _folder(stage: Stage, container: str, path: str, engine: str | None) -> Path:
    said = stage.run(engine or stage.kind.engine, "container", "inspect", container).stdout
    mounts: list[dict[str, Any]] = json.loads(said)[0]["Mounts"]
    return stage.host.path(next(mount["Source"] for mount in mounts if mount["Destination"] == path))


def _picture(folder: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
    numbers: dict[int, str] = {}
    for place in sorted([folder, *folder.rglob("*")]):
        name, status = str(place.relative_to(folder)), place.lstat()
        is_file = place.is_file() and not place.is_symlink()
        yield (
            name,
            (
                oct(status.st_mode),
                (status.st_uid, status.st_gid),
                int(status.st_mtime),
                numbers.setdefault(status.st_ino, name),  # another name of the same file
                hashlib.sha256(place.read_bytes()).hexdigest() if is_file else "",
                status.st_blocks * 512 < status.st_size if is_file else "",
                str(place.readlink()) if place.is_symlink() else "",
                {one: os.getxattr(place, one) for one in os.listxattr(place)} if is_file else {},
            ),
        )
