"""Which data of the live release a candidate would not see: a release that moves its VOLUME; pure.

The owner's own word counts: a ``[[volume]]`` that he takes out of the definition, or gives another path, is
his. What the image decides is not: its VOLUMEs become volumes of which the definition never speaks, and
another image may declare them elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from beacon.definition.effective import Effective, volume_paths
from beacon.model.reference import Digest, short
from beacon.model.release import Displaced
from beacon.model.service import Volume
from beacon.units.mounts import volume_name


class Mounts(Struct, frozen=True):
    """What a release of *service* has mounted: by its definition, and by its image."""

    service: str
    own: tuple[Volume, ...] = ()
    of_image: tuple[Volume, ...] = ()
    """Of the image's VOLUMEs those that the definition does not cover, each as a named volume."""
    declared: frozenset[str] = frozenset()
    """All VOLUMEs of the image, by path, covered or not."""
    tmpfs: frozenset[str] = frozenset()
    """Paths at which nothing lasts."""

    @property
    def every(self) -> tuple[Volume, ...]:
        """All volumes."""
        return (*self.own, *self.of_image)

    @property
    def paths(self) -> frozenset[str]:
        """Every path at which something is mounted."""
        return self.tmpfs | {volume.path for volume in self.every}


def mounts_of(release: Effective) -> Mounts:
    """Return what a release has mounted."""
    own = release.declared.volumes
    return Mounts(
        service=release.service.name,
        own=own,
        of_image=release.service.volumes[len(own) :],
        declared=frozenset(volume_paths(release.image)),
        tmpfs=frozenset(mount.partition(":")[0] for mount in release.service.tmpfs),
    )


def displaced(live: Mounts, candidate: Mounts) -> tuple[Displaced, ...]:
    """Return what *candidate* would not see of what *live* may have data in, sorted."""
    found = {*_unmounted(live, candidate), *_hidden(live, candidate), *_left_behind(live, candidate)}
    return tuple(sorted(found))


def _unmounted(live: Mounts, candidate: Mounts) -> Iterator[Displaced]:
    """Yield the volumes of the live image that are mounted no longer, or by chance at another path.

    Names are made of paths, and two paths can make one name.
    """
    before = {(_source(live.service, volume), volume.path) for volume in live.every}
    now = {(_source(candidate.service, volume), volume.path) for volume in candidate.every}
    new = tuple(sorted({path for _, path in now - before}))
    named = {_source(candidate.service, volume) for volume in candidate.own}
    for volume in live.of_image:
        place = source, path = _source(live.service, volume), volume.path
        if source not in named and place not in now:
            yield Displaced(source, path, instead=new)


def _hidden(live: Mounts, candidate: Mounts) -> Iterator[Displaced]:
    """Yield the folders of volumes that stay, which the image mounts something of its own over."""
    by_image = {volume.path for volume in candidate.of_image}
    by_image |= candidate.tmpfs - {volume.path for volume in live.every}
    for path in by_image - live.paths:
        above = [mounted for mounted in live.paths if _is_below(path, mounted)]
        nearest = max(above, key=len, default=None)
        for volume in live.every:
            if volume.path == nearest and volume in candidate.every:
                inside = path.removeprefix(volume.path.rstrip("/")).lstrip("/")
                yield Displaced(_source(live.service, volume), path, inside, (path,))


def _left_behind(live: Mounts, candidate: Mounts) -> Iterator[Displaced]:
    """Yield the definition's volumes at a VOLUME of the live image which the candidate has elsewhere.

    It is mounted where it was, and nothing looks there any more.
    """
    new = {volume.path for volume in candidate.of_image} - live.paths
    for volume in live.own:
        path = volume.path
        gone = path in live.declared and path not in candidate.declared
        apart = sorted(one for one in new if not _is_below(one, path) and not _is_below(path, one))
        if gone and apart and volume in candidate.own:
            yield Displaced(_source(live.service, volume), path, instead=tuple(apart))


def _source(service: str, volume: Volume) -> str:
    """Return what the engine calls a volume, or the folder of the host that it is."""
    if volume.name is not None:
        return volume_name(service, volume.name)
    return volume.external or volume.host or ""


def _is_below(path: str, above: str) -> bool:
    return path.startswith(f"{above.rstrip('/')}/")


def explain(found: Iterable[Displaced], digest: Digest, unseen: Iterable[Displaced] = ()) -> str:
    """Say why the image *digest* waits: each volume with both paths; of *unseen* it is not known."""
    doubtful = set(unseen)
    return "; ".join(_sentence(one, short(digest), certain=one not in doubtful) for one in found)


def _sentence(one: Displaced, image: str, *, certain: bool) -> str:
    place = one.volume if one.volume.startswith("/") else f"the volume {one.volume}"
    holds = "holds data" if certain else "may hold data (it could not be looked at)"
    if one.inside:
        return f"{place} {holds} at {one.path}, which {image} would hide: it mounts its own there"
    kept = f"{place}, mounted at {one.path}, {holds}"
    if not one.instead:
        return f"{kept}, and {image} does not mount it"
    if one.path in one.instead:
        return f"{kept}, and {image} has another one there"
    return f"{kept}, and {image} keeps its data at {' and '.join(one.instead)}"
