"""What Podman and docker are asked in the same words."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from beacon.engine.command import CommandFailedError, copy_folder, flush_folder, has_files, run
from beacon.engine.streaming import Patience, StalledError
from beacon.errors import MachineError, RegistryError
from beacon.formats.jsontext import read_json
from beacon.model.configuration import image_config
from beacon.model.image import ImageConfig, Layer
from beacon.model.machine import Engine
from beacon.model.reference import Digest, ImageReference
from beacon.model.runtime import EngineVolume
from beacon.model.unit import container_name

_KEPT = "localhost/beacon"
_KEPT_NAME = re.compile(rf"{re.escape(_KEPT)}/([^/:]+):(\d+)")


def kept_name(service: str, release: int) -> str:
    """Return the name that keeps the image of a release: ``localhost/beacon/SERVICE:RELEASE``."""
    return f"{_KEPT}/{service}:{release}"


def kept_releases(names: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Return name → service and release of those *names* of images that keep one."""
    found = {name: _KEPT_NAME.fullmatch(name) for name in names}
    return {name: (match[1], int(match[2])) for name, match in found.items() if match}


_COUNTING = 5.0
"""Seconds that counting the data of a volume may take."""
Progress = Callable[[int | None], None]
"""Told how many bytes of a pull have come; None where that is not known."""


class EngineCommands(ABC):
    """An engine on this machine, for the user who runs this, through its command line."""

    kind: Engine
    patience = Patience()
    """With pulls."""

    def __init__(self, environment: Mapping[str, str], patience: Patience | None = None) -> None:
        self._environment = environment
        self._patience = patience or self.patience

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        """Fetch the image named by digest, and return its id.

        Without the login where the registry refuses that: an old one locks out of public images too.
        *progress* is told several times a second how many bytes have come, and what it raises ends the pull.
        Raises RegistryError where nothing comes.
        """
        try:
            return self._pull(image, progress)
        except StalledError as error:
            raise RegistryError(
                f"cannot pull {image}: nothing came from {image.registry} for {error.seconds / 60:.3g} min",
                hint="see whether the registry is up, and the network with it; the next update tries again",
            ) from error

    @abstractmethod
    def _pull(self, image: ImageReference, progress: Progress) -> Digest:
        """Fetch an image."""

    def flush(self, folder: str) -> None:
        """Have all that was fetched to the file system of *folder* on the disk when this returns.

        Neither engine flushes what it unpacks: after a power cut an image can be there with empty files.
        """
        flush_folder(folder, self._environment)

    @abstractmethod
    def image_folder(self, image: ImageReference) -> str:
        """Return a folder on the file system that has the image; empty where that is not known."""

    def image_config(self, image: ImageReference) -> ImageConfig | None:
        """Return what an image on disk says of itself; None where it is not there.

        Podman tells no HEALTHCHECK of an image in the format of OCI, since it does not heed it.
        """
        try:
            said = self._run("image", "inspect", str(image))
        except CommandFailedError as error:
            if self._says_absent(error):
                return None
            raise
        try:
            (row,) = read_json(said)
            config = {"Healthcheck": row.get("HealthCheck"), **(row.get("Config") or {})}
            document = {"os": row.get("Os"), "architecture": row.get("Architecture"), "config": config}
            image_id = str(row["Id"])
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise MachineError(f"cannot understand what {self.kind} image inspect says: {error!r}") from error
        return image_config(document, Digest(f"sha256:{image_id.removeprefix('sha256:')}"))

    @abstractmethod
    def images(self) -> Mapping[str, Digest]:
        """Return name → id of all images on disk, each under every name that it runs by."""

    @abstractmethod
    def _says_absent(self, error: CommandFailedError) -> bool:
        """Say whether a command failed because there is no such image."""

    def missing(self, layers: Sequence[Layer]) -> int:
        """Return how many bytes of *layers* a pull fetches: of those that no image on disk has."""
        shape = "{{range .RootFS.Layers}}{{.}} {{end}}"
        listed = dict.fromkeys(self._run("images", "--quiet", "--no-trunc").split())
        said = self._run("image", "inspect", "--format", shape, *listed) if listed else ""
        there = self._reused(layers, [line.split() for line in said.splitlines()])
        return sum(layer.size for layer in {one.digest: one for one in layers}.values() if layer not in there)

    @abstractmethod
    def _reused(self, layers: Sequence[Layer], images: Sequence[Sequence[str]]) -> Collection[Layer]:
        """Return those of *layers* that the engine takes from *images*, each what its layers unpack to."""

    def kept(self) -> Mapping[str, Mapping[int, Digest]]:
        """Return service → release → image id of every image that is kept."""
        images = self.images()
        found: dict[str, dict[int, Digest]] = {}
        for name, (service, release) in kept_releases(images).items():
            found.setdefault(service, {})[release] = images[name]
        return found

    def remove_image(self, image: ImageReference) -> bool:
        """Take the name *image* off, and the image with its last name; False where a container uses it."""
        return self._remove(str(image))

    def entering(
        self, service: str, command: Sequence[str], *, terminal: bool, user: str = ""
    ) -> tuple[str, ...]:
        """Return what runs *command* in the container of a service; on a *terminal* with one of its own.

        Unless *user* is empty, it runs as that one, and not as the container does.
        """
        flags = ("--interactive", *(("--tty",) if terminal else ()), *((f"--user={user}",) if user else ()))
        return (self.kind.value, "exec", *flags, container_name(service), *command)

    def volume(self, name: str) -> EngineVolume | None:
        """Return what is known of a volume, or None where there is none of that name."""
        try:
            said = self._run("volume", "inspect", name)
        except CommandFailedError as error:
            if "no such volume" in error.said.lower():
                return None
            raise
        try:
            return next((_volume(row) for row in read_json(said or "[]")), None)
        except (ValueError, LookupError, AttributeError) as error:
            raise MachineError(
                f"cannot understand what {self.kind} volume inspect says: {error!r}"
            ) from error

    def users(self, volume: str) -> Mapping[str, bool]:
        """Return the containers that mount a volume, and whether each runs."""
        shape = "{{.Names}}\t{{.State}}"
        said = self._run("ps", "--all", "--filter", f"volume={volume}", "--format", shape)
        rows = (line.partition("\t") for line in said.splitlines())
        return {name: state == "running" for name, _, state in rows}

    def holds_data(self, source: str, inside: str = "") -> bool:
        """Say whether a volume, or a folder of the host, has more in it than empty folders.

        Only its folder *inside* is looked at where that is named. MachineError where that cannot be done.
        """
        volume = EngineVolume(source) if source.startswith("/") else self.volume(source)
        if volume is None:
            return False
        return has_files(
            f"{volume.folder}/{inside}".rstrip("/"), self._environment, within=self._in_namespace
        )

    def volume_sizes(self, service: str, others: Iterable[str]) -> Mapping[str, int | None]:
        """Return how many bytes the data of each volume of *service*, and of *others*, takes on the disk.

        None if that takes long to count, or is not known.
        """
        own = (volume for volume, owner in self.volumes().items() if owner == service)
        return {name: self._size(name) for name in sorted({*own, *others})}

    @abstractmethod
    def volumes(self) -> Mapping[str, str]:
        """Return the named volumes that Beacon's units made: volume name to service."""

    def _size(self, name: str) -> int | None:
        command = [*self._in_namespace, "du", "--summarize", "--block-size=1", "--one-file-system"]
        try:
            volume = self.volume(name)
            if volume is None or not volume.is_plain:
                return None
            return int(run([*command, volume.folder], self._environment, timeout=_COUNTING).split()[0])
        except MachineError:
            return None

    @property
    def _in_namespace(self) -> tuple[str, ...]:
        """The command below which files in volumes are seen as containers see them, whoever wrote them."""
        return ()

    def make_volume(self, name: str, labels: Mapping[str, str], source: str | None = None) -> None:
        """Make a volume, with a copy of all that is in the folder *source*, on the disk when this returns."""
        self._run("volume", "create", *label_flags(labels), name)
        made = self.volume(name)
        if source is not None and made is not None:
            self._break_in(name)
            copy_folder(source, made.folder, self._in_namespace)
            self.flush(str(PurePath(made.folder).parent))

    def _break_in(self, volume: str) -> None:  # noqa: B027  # docker does nothing of the kind
        """Have behind it what the engine does to a volume when that is mounted for the first time."""

    @abstractmethod
    def secure_volume(self, name: str) -> None:
        """See that a volume outlives the containers that mount it."""

    @abstractmethod
    def release_volume(self, name: str) -> None:
        """Take back what :meth:`secure_volume` did; the volume stays."""

    def remove_volume(self, name: str) -> None:
        """Delete a volume with its data."""
        self._run("volume", "rm", name)

    def make_network(self, name: str, options: Sequence[str]) -> None:
        """Make a network unless it is there; ``podman network create --ignore`` is new in Podman 4.4."""
        if name in self._run("network", "ls", "--format", "{{.Name}}").splitlines():
            return
        try:
            self._run("network", "create", *options, name)
        except CommandFailedError as error:
            if not error.mentions(("already exists",)):  # another has just made it
                raise

    def remove_network(self, name: str) -> None:
        """Delete a network."""
        self._run("network", "rm", name)

    def _remove(self, name: str) -> bool:
        """Take a name off an image; say whether there is none of that name any more."""
        try:
            self._run("rmi", name)
        except CommandFailedError as error:
            return self._says_absent(error)
        return True

    def _run(self, *arguments: str) -> str:
        return run([self.kind.value, *arguments], self._environment)


def _volume(row: Mapping[str, Any]) -> EngineVolume:
    return EngineVolume(
        folder=row["Mountpoint"],
        labels=row.get("Labels") or {},
        is_plain=row.get("Driver") == "local" and not row.get("Options"),
        is_anonymous=bool(row.get("Anonymous")),
    )


def label_flags(labels: Mapping[str, str]) -> list[str]:
    """Return the flags that give *labels* to what is made."""
    return [f"--label={key}={value}" for key, value in labels.items()]
