"""docker (docker(1)), 20.10 and newer, with either of its image stores."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from beacon.engine.command import CommandFailedError, copy_folder, explain, is_login_trouble, run, stream
from beacon.errors import BeaconError, HostError
from beacon.model.host import EngineVersion
from beacon.model.reference import DOCKER_HUB, Digest, ImageReference
from beacon.model.runtime import Container
from beacon.model.unit import container_name

SERVICE_LABEL = "io.beacon.service"
RELEASE_LABEL = "io.beacon.release"
KEPT = "localhost/beacon"
"""Names of Beacon's own on images: ``localhost/beacon/SERVICE:RELEASE``."""

_DOWN = ("cannot connect to the docker daemon", "is the docker daemon running")
_ABSENT = ("no such image", "no such object", "no such container", "not found")


class Docker:
    """docker on this machine.

    An image's id is the digest of its configuration; in containerd's store, that of its manifest.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def version(self) -> EngineVersion:
        """Return the version of the installed command, which decides what units may say."""
        said = self._run("--version")
        match = re.search(r"version (\S+?),?(?:\s|$)", said)
        try:
            return EngineVersion.parse(match[1] if match else "")
        except ValueError as error:
            raise HostError(f"cannot understand what docker --version says: {said.strip()!r}") from error

    def pull(self, image: ImageReference, progress: Callable[[str], None]) -> None:
        """Fetch the image named by digest; without the login where the registry refuses that."""
        try:
            with self._logins() as environment:
                stream(["docker", "pull", str(image)], environment, progress, both=True)
        except CommandFailedError as error:
            if is_login_trouble(error) and self._pull_anonymously(image, progress):
                return
            raise self._explained(error, f"cannot pull {image}", image.registry) from error

    def _pull_anonymously(self, image: ImageReference, progress: Callable[[str], None]) -> bool:
        """Say whether the image can be had by everybody: an old login locks out of public images too."""
        with tempfile.TemporaryDirectory(prefix="beacon-") as nobody:
            environment = {**self._environment, "DOCKER_CONFIG": nobody}
            try:
                stream(["docker", "pull", str(image)], environment, progress, both=True)
            except CommandFailedError:
                return False
        return True

    @contextlib.contextmanager
    def _logins(self) -> Iterator[Mapping[str, str]]:
        """Yield an environment in which docker finds the credentials that Beacon's own checks use."""
        chosen = self._environment.get("REGISTRY_AUTH_FILE")
        if chosen is None or not Path(chosen).is_file():
            yield self._environment
            return
        with tempfile.TemporaryDirectory(prefix="beacon-") as folder:
            shutil.copy(chosen, Path(folder) / "config.json")
            yield {**self._environment, "DOCKER_CONFIG": folder}

    def image_id(self, image: ImageReference) -> Digest | None:
        """Return the id of the image that *image* (by digest) names locally, or None."""
        return self._id_of(str(image))

    def images(self) -> Mapping[str, Digest]:
        """Return name → id of all images on disk, each under every name that it runs by.

        One listing and one look: of several names at one digest, the listing of containerd's store shows one.
        """
        listed = self._run("images", "--quiet", "--no-trunc")
        return {
            _full_name(name): Digest(str(row["Id"]))
            for row in self._inspect("image", *dict.fromkeys(listed.split()))
            for name in (*(row.get("RepoTags") or ()), *(row.get("RepoDigests") or ()))
        }

    def keep(self, image_id: Digest, service: str, release: int) -> None:
        """Name an image after a release that needs it, so that ``docker image prune`` leaves it alone."""
        self._run("tag", image_id, f"{KEPT}/{service}:{release}")

    def kept(self) -> Mapping[str, Mapping[int, Digest]]:
        """Return service → release → image id of every name of :meth:`keep`."""
        found: dict[str, dict[int, Digest]] = {}
        for name, image in self.images().items():
            match = re.fullmatch(rf"{re.escape(KEPT)}/([^/:]+):(\d+)", name)
            if match:
                found.setdefault(match[1], {})[int(match[2])] = image
        return found

    def let_go(self, service: str, release: int) -> None:
        """Take the name of a release off, and the image with its last name unless something uses it."""
        name = f"{KEPT}/{service}:{release}"
        if self._id_of(name) is not None and not self._remove(name):
            self._run("rmi", "--force", "--no-prune", name)  # takes the name off an image in use

    def remove_image(self, image: ImageReference) -> bool:
        """Take the name *image* off, and the image with its last name; False where a container uses it."""
        return self._id_of(str(image)) is None or self._remove(str(image))

    def containers(self) -> Mapping[str, Container]:
        """Return Beacon's running containers by service: one listing and one look, whatever their number."""
        listed = self._run("ps", "--no-trunc", "--format", "{{.ID}}", "--filter", f"label={SERVICE_LABEL}")
        found = map(_container, self._inspect("container", *listed.split()))
        return {container.service: container for container in found}

    def _inspect(self, sort: str, *names: str) -> list[Mapping[str, Any]]:
        """Return what docker says of containers or images; of those that have gone it says nothing."""
        if not names:
            return []
        try:
            said = self._run("inspect", "--type", sort, *names)
        except CommandFailedError as error:
            if not any(mark in error.said.lower() for mark in _ABSENT):
                raise
            said = error.answer
        try:
            rows = json.loads(said or "[]")
        except json.JSONDecodeError as error:
            raise HostError(f"cannot understand what docker inspect says: {error}") from error
        return [row for row in rows or () if isinstance(row, dict)]

    def address(self, service: str) -> str:
        """Return the address of the service's container on its first network; empty where it has none."""
        for row in self._inspect("container", container_name(service)):
            networks = row.get("NetworkSettings", {}).get("Networks") or {}
            return next((str(net["IPAddress"]) for net in networks.values() if net.get("IPAddress")), "")
        return ""

    def health(self, service: str) -> str | None:
        """Return the health of the service's container; None where it does not run.

        ``""`` where nothing checks it.
        """
        for row in self._inspect("container", container_name(service)):
            state = row.get("State") or {}
            return _health(state) if state.get("Running") else None
        return None

    def volumes(self) -> Mapping[str, str]:
        """Return the named volumes that Beacon's units made: volume name to service."""
        shape = f'{{{{.Name}}}}\\t{{{{.Label "{SERVICE_LABEL}"}}}}'
        said = self._run("volume", "ls", "--format", shape, "--filter", f"label={SERVICE_LABEL}")
        return dict(line.split("\t", 1) for line in said.splitlines())

    def volume_folder(self, name: str) -> str | None:
        """Return where the data of a volume is, or None where there is no such volume."""
        try:
            return self._run("volume", "inspect", "--format", "{{.Mountpoint}}", name).strip()
        except CommandFailedError as error:
            if "no such volume" in error.said.lower():
                return None
            raise

    def make_volume(self, name: str, labels: Mapping[str, str], source: str | None = None) -> None:
        """Make a volume, with a copy of all that is in the folder *source*."""
        self._run("volume", "create", *(f"--label={key}={value}" for key, value in labels.items()), name)
        folder = self.volume_folder(name)
        if source is not None and folder is not None:
            copy_folder(source, folder)

    def remove_volume(self, name: str) -> None:
        """Delete a volume with its data."""
        self._run("volume", "rm", name)

    def make_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a network unless it is there."""
        if name not in self._run("network", "ls", "--format", "{{.Name}}").splitlines():
            self._run("network", "create", *(f"--label={key}={value}" for key, value in labels.items()), name)

    def remove_network(self, name: str) -> None:
        """Delete a network."""
        self._run("network", "rm", name)

    def _id_of(self, name: str) -> Digest | None:
        try:
            said = self._run("image", "inspect", "--format", "{{.Id}}", name)
        except CommandFailedError as error:
            if any(mark in error.said.lower() for mark in _ABSENT):
                return None
            raise
        return Digest(said.strip())

    def _remove(self, name: str) -> bool:
        try:
            self._run("rmi", name)
        except CommandFailedError:
            return False
        return True

    def _run(self, *arguments: str) -> str:
        try:
            return run(["docker", *arguments], self._environment)
        except CommandFailedError as error:
            if _is_down(error):
                raise self._explained(error, f"cannot run docker {arguments[0]}", "") from error
            raise

    def _explained(self, error: CommandFailedError, what: str, registry: str) -> BeaconError:
        if _is_down(error):
            return HostError(f"{what}: docker's daemon does not answer", hint="systemctl status docker")
        return explain(error, what, registry, engine="docker")


def _is_down(error: CommandFailedError) -> bool:
    said = error.said.lower()
    return any(mark in said for mark in _DOWN)


def _full_name(name: str) -> str:
    """Return *name* with its registry, which docker leaves out for Docker Hub's."""
    first, slash, _ = name.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        return name
    return f"{DOCKER_HUB}/{name if slash else f'library/{name}'}"


def _health(state: Mapping[str, Any]) -> str:
    health = str((state.get("Health") or {}).get("Status", ""))
    return "" if health == "none" else health


def _container(row: Mapping[str, Any]) -> Container:
    labels: Mapping[str, str] = (row.get("Config") or {}).get("Labels") or {}
    release = labels.get(RELEASE_LABEL, "")
    published = (row.get("NetworkSettings") or {}).get("Ports") or {}
    return Container(
        service=labels.get(SERVICE_LABEL, ""),
        image_id=Digest(str(row["Image"])),
        release=int(release) if release.isdecimal() else None,
        health=_health(row.get("State") or {}),
        ports={
            port: (str(places[0].get("HostIp") or ""), int(places[0]["HostPort"]))
            for port, places in published.items()
            if places
        },
    )
