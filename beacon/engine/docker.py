"""docker (docker(1)), 20.10 and newer, with either of its image stores."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from beacon.engine.base import EngineCommands, Progress, kept_name
from beacon.engine.command import CommandFailedError, explain, is_login_trouble
from beacon.engine.pulls.bars import Bars
from beacon.engine.streaming import Patience, stream
from beacon.errors import BeaconError, MachineError
from beacon.formats.jsontext import read_json
from beacon.model.image import Layer
from beacon.model.machine import Engine, EngineVersion
from beacon.model.reference import DOCKER_HUB, Digest, ImageReference
from beacon.model.runtime import Container
from beacon.model.unit import RELEASE_LABEL, SERVICE_LABEL, container_name

_DOWN = ("cannot connect to the docker daemon", "is the docker daemon running")
_ABSENT = ("no such image", "no such object", "no such container", "not found")


class Docker(EngineCommands):
    """docker on this machine.

    An image's id is the digest of its configuration; in containerd's store, that of its manifest.
    """

    kind = Engine.DOCKER
    patience = Patience(least=1 << 10)
    """The command does not pull, it only hears of it: a few hundred bytes for half a megabyte."""

    def version(self) -> EngineVersion:
        """Return the version of the installed command, which decides what units may say."""
        said = self._run("--version")
        match = re.search(r"version (\S+?),?(?:\s|$)", said)
        try:
            return EngineVersion.parse(match[1] if match else "")
        except ValueError as error:
            raise MachineError(f"cannot understand what docker --version says: {said.strip()!r}") from error

    def _pull(self, image: ImageReference, progress: Progress) -> Digest:
        try:
            with self._logins() as environment:
                self._stream_pull(image, environment, progress)
        except CommandFailedError as error:
            if not is_login_trouble(error) or not self._pull_anonymously(image, progress):
                raise self._explained(error, f"cannot pull {image}", image.registry) from error
        return Digest(self._run("image", "inspect", "--format", "{{.Id}}", str(image)).strip())

    def _pull_anonymously(self, image: ImageReference, progress: Progress) -> bool:
        """Say whether the image can be had by everybody."""
        with tempfile.TemporaryDirectory(prefix="beacon-") as nobody:
            environment = {**self._environment, "DOCKER_CONFIG": nobody}
            try:
                self._stream_pull(image, environment, progress)
            except CommandFailedError:
                return False
        return True

    def _stream_pull(self, image: ImageReference, environment: Mapping[str, str], progress: Progress) -> None:
        bars = Bars()

        def hear(line: str, _: int) -> None:
            bars.read(line)
            progress(bars.fetched)

        stream(["docker", "pull", str(image)], environment, hear, terminal=True, patience=self._patience)

    def image_folder(self, image: ImageReference) -> str:
        """Return a folder on the file system that has the image; empty where that is not known."""
        del image
        return self._run("info", "--format", "{{.DockerRootDir}}").strip()

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

    def guard(self, image: ImageReference) -> None:
        """Do nothing: docker keeps what it writes to itself."""
        del image

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
        self._run("tag", image_id, kept_name(service, release))

    def untag(self, service: str, release: int) -> None:
        """Take the name of a release off, and the image with its last name unless something uses it."""
        name = kept_name(service, release)
        if not self._remove(name):
            self._run("rmi", "--force", "--no-prune", name)  # takes the name off an image in use

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
            if not self._says_absent(error):
                raise
            said = error.answer
        try:
            rows = read_json(said or "[]")
        except ValueError as error:
            raise MachineError(f"cannot understand what docker inspect says: {error}") from error
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

    def secure_volume(self, name: str) -> None:
        """Do nothing: docker removes no volume that is mounted by its name, and an id is one."""

    def release_volume(self, name: str) -> None:
        """Do nothing."""

    def secrets(self) -> Collection[str]:
        """Return nothing: docker has secrets for swarms only."""
        return ()

    def secret_changes(self, names: Collection[str]) -> Mapping[str, datetime]:
        """Return nothing, for the same reason."""
        del names
        return {}

    def _reused(self, layers: Sequence[Layer], images: Sequence[Sequence[str]]) -> Collection[Layer]:
        """Return the lowest layers, as far as one image has them all in the same order."""
        there = {tuple(image[:count]) for image in images for count in range(1, len(image) + 1)}
        wanted = tuple(layer.unpacked for layer in layers)
        return layers[
            : max((count for count in range(len(layers) + 1) if wanted[:count] in there), default=0)
        ]

    def _says_absent(self, error: CommandFailedError) -> bool:
        return error.mentions(_ABSENT)

    def _run(self, *arguments: str) -> str:
        try:
            return super()._run(*arguments)
        except CommandFailedError as error:
            if _is_down(error):
                raise self._explained(error, f"cannot run docker {arguments[0]}", "") from error
            raise

    def _explained(self, error: CommandFailedError, what: str, registry: str) -> BeaconError:
        if _is_down(error):
            return MachineError(f"{what}: docker's daemon does not answer", hint="systemctl status docker")
        return explain(error, what, registry, engine=self.kind)


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
