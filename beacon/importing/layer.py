"""What a container keeps in a layer of its own: files that are in no volume, and go with the container."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

_MADE = {
    "/.dockerenv",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/mtab",
    "/etc/resolv.conf",
}
"""What engines make in every container."""
_PASSING = ("/dev", "/proc", "/run", "/sys", "/var/run")
"""Below these nothing lasts: engines mount file systems there, or the system that boots empties them."""


def own_layer(
    diff: Iterable[str], mounted: Collection[str], is_folder: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return the paths that a container added, changed or deleted, by the lines of the engine's ``diff``.

    Less what the engine made itself, for what is *mounted* too, and less folders in which something was.
    """
    changes = {path: kind for kind, _, path in (line.partition(" ") for line in diff) if path}
    above = {parent for path in [*changes, *mounted, *_MADE] for parent in _parents(path)}
    return tuple(
        path
        for path, kind in sorted(changes.items())
        if path not in _MADE
        and path not in mounted
        and path not in above
        and not any(path == place or path.startswith(f"{place}/") for place in _PASSING)
        and not (kind == "C" and is_folder(path))
    )


def _parents(path: str) -> Iterable[str]:
    parts = path.strip("/").split("/")
    return ("/" + "/".join(parts[:count]) for count in range(len(parts)))
