"""What Podman and docker are asked in the same words."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any

from beacon.engine.command import CommandFailedError, copy_folder, flush_folder, has_files, run
from beacon.errors import HostError
from beacon.model.configuration import image_config
from beacon.model.host import Engine
from beacon.model.image import ImageConfig
from beacon.model.reference import Digest, ImageReference
from beacon.model.runtime import EngineVolume

_KEPT = "localhost/beacon"
_KEPT_NAME = re.compile(rf"{re.escape(_KEPT)}/([^/:]+):(\d+)")


def kept_name(service: str, release: int) -> str:
    """Return the name that keeps the image of a release: ``localhost/beacon/SERVICE:RELEASE``."""
    return f"{_KEPT}/{service}:{release}"


def kept_releases(names: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Return name → service and release of those *names* of images that keep one."""
    found = {name: _KEPT_NAME.fullmatch(name) for name in names}
    return {name: (match[1], int(match[2])) for name, match in found.items() if match}


class EngineCommands(ABC):
    """An engine on this machine, for the user who runs this, through its command line."""

    kind: Engine

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @abstractmethod
    def pull(self, image: ImageReference, progress: Callable[[str], None]) -> Digest:
        """Fetch the image named by digest, and return its id.

        Without the login where the registry refuses that: an old one locks out of public images too.
        """

    def flush(self, folder: str) -> None:
        """Have all that was fetched to the file system of *folder* on the disk when this returns.

        Neither engine flushes what it unpacks: after a power cut an image can be there with empty files.
        """
        flush_folder(folder, self._environment)

    @abstractmethod
    def image_folder(self, image: ImageReference) -> str:
        """Return a folder on the file system that has the image; empty where that is not told."""

    def image_config(self, image: ImageReference) -> ImageConfig | None:
        """Return what an image on disk says of itself; None where it is not there.

        Podman tells no HEALTHCHECK of an image in the format of OCI, since it does not heed it.
        """
        try:
            (row,) = json.loads(self._run("image", "inspect", str(image)))
        except CommandFailedError as error:
            if self._says_absent(error):
                return None
            raise
        config = {"Healthcheck": row.get("HealthCheck"), **(row.get("Config") or {})}
        document = {"os": row.get("Os"), "architecture": row.get("Architecture"), "config": config}
        image_id = str(row["Id"])
        return image_config(document, Digest(f"sha256:{image_id.removeprefix('sha256:')}"))

    @abstractmethod
    def images(self) -> Mapping[str, Digest]:
        """Return name → id of all images on disk, each under every name that it runs by."""

    @abstractmethod
    def _says_absent(self, error: CommandFailedError) -> bool:
        """Say whether a command failed because there is no such image."""

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

    def volume(self, name: str) -> EngineVolume | None:
        """Return what is known of a volume, or None where there is none of that name."""
        try:
            said = self._run("volume", "inspect", name)
        except CommandFailedError as error:
            if "no such volume" in error.said.lower():
                return None
            raise
        try:
            return next((_volume(row) for row in json.loads(said or "[]")), None)
        except (ValueError, LookupError, AttributeError) as error:
            raise HostError(f"cannot understand what {self.kind} volume inspect says: {error!r}") from error

    def users(self, volume: str) -> Mapping[str, bool]:
        """Return the containers that mount a volume, and whether each runs."""
        shape = "{{.Names}}\t{{.State}}"
        said = self._run("ps", "--all", "--filter", f"volume={volume}", "--format", shape)
        rows = (line.partition("\t") for line in said.splitlines())
        return {name: state == "running" for name, _, state in rows}

    def holds_data(self, source: str, inside: str = "") -> bool:
        """Say whether a volume, or a folder of the host, has more in it than empty folders.

        Only its folder *inside* is looked at where that is named. HostError where that cannot be done.
        """
        volume = EngineVolume(source) if source.startswith("/") else self.volume(source)
        if volume is None:
            return False
        return has_files(f"{volume.folder}/{inside}".rstrip("/"), self._environment, within=self._looking)

    @property
    def _looking(self) -> tuple[str, ...]:
        """The command below which files in volumes are seen as containers see them, whoever wrote them."""
        return ()

    def make_volume(self, name: str, labels: Mapping[str, str], source: str | None = None) -> None:
        """Make a volume, with a copy of all that is in the folder *source*, on the disk when this returns."""
        self._run("volume", "create", *label_flags(labels), name)
        made = self.volume(name)
        if source is not None and made is not None:
            self._break_in(name)
            copy_folder(source, made.folder, self._looking)
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
