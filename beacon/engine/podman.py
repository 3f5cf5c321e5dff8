"""Podman (podman(1)), 4.4 and newer."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from beacon.engine.base import EngineCommands, Progress, kept_name, label_flags
from beacon.engine.command import CommandFailedError, explain, is_login_trouble, run
from beacon.engine.pulls.blobs import Blobs
from beacon.engine.streaming import stream
from beacon.errors import MachineError
from beacon.formats.jsontext import read_json
from beacon.model.image import Layer
from beacon.model.machine import Engine, EngineVersion
from beacon.model.reference import Digest, ImageReference
from beacon.model.runtime import Container
from beacon.model.unit import KEEPER, PREFIX, RELEASE_LABEL, SERVICE_LABEL, container_name

_OTHERS = 0o077
_HEALTH = re.compile(r"\((healthy|unhealthy|starting)\)")
_ABSENT = ("no such image", "image not known")
_KEEPS_LABEL = "io.beacon.keeps"
"""The label of a container that keeps a volume."""
_CHANGING = ("locating item named", "locating image with id", "layer not known")
"""What Podman 4 says of an image that somebody is pulling or removing: it reads all images for each."""
_PATIENCE = (0.1, 0.2, 0.4, 0.8)
"""Seconds to wait, one after the other, until such an image is there or gone."""


class Podman(EngineCommands):
    """Podman on this machine, for the user who runs this."""

    kind = Engine.PODMAN

    def version(self) -> EngineVersion:
        """Return the version of the installed Podman."""
        said = self._run("--version")
        try:
            return EngineVersion.parse(said.split()[-1])
        except (ValueError, IndexError) as error:
            raise MachineError(f"cannot understand what podman --version says: {said.strip()!r}") from error

    def _pull(self, image: ImageReference, progress: Progress) -> Digest:
        """Return the id of the image fetched, which is all that Podman prints of it."""
        try:
            said = self._stream("pull", str(image), progress=progress)
        except CommandFailedError as error:
            public = self._pull_anonymously(image, progress) if is_login_trouble(error) else None
            if public is None:
                raise explain(error, f"cannot pull {image}", image.registry) from error
            said = public
        return Digest(f"sha256:{said.strip()}")

    def _pull_anonymously(self, image: ImageReference, progress: Progress) -> str | None:
        """Return what Podman says of an image that can be had by everybody; None where it cannot."""
        with tempfile.NamedTemporaryFile(prefix="beacon-", suffix=".json") as nobody:
            nobody.write(b"{}")
            nobody.flush()
            try:
                return self._stream("pull", f"--authfile={nobody.name}", str(image), progress=progress)
            except CommandFailedError:
                return None

    def image_folder(self, image: ImageReference) -> str:
        """Return a folder on the file system that has the image; empty where that is not known."""
        # podman info would tell the folder too, after a second: it asks dpkg for the version of everything.
        wanted = '{{index .GraphDriver.Data "UpperDir"}}'
        return self._run("image", "inspect", "--format", wanted, str(image)).strip()

    def guard(self, image: ImageReference) -> None:
        """Keep other users from Podman's database, which holds the environment of every container.

        Podman 5 makes it for all to read, in a folder that all may enter, unless that was there before.
        """
        for folder in Path(self.image_folder(image)).parents:
            database = folder / "db.sql"
            try:
                if database.stat().st_mode & _OTHERS:
                    database.chmod(0o600)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise MachineError(f"cannot keep other users from {database}: {error.strerror}") from error

    def images(self) -> Mapping[str, Digest]:
        """Return name → id of all images on disk, each under every name that it runs by: one listing.

        Names, not RepoDigests: those pair every name with every digest, and most pairs do not exist.
        """
        rows = self._json("images", "--all", "--format", "json")
        return {name: Digest(f"sha256:{row['Id']}") for row in rows for name in row.get("Names") or ()}

    def keep(self, image_id: Digest, service: str, release: int) -> None:
        """Name an image after a release that needs it, so that ``podman image prune`` leaves it alone."""
        self._run("tag", image_id.partition(":")[2], kept_name(service, release))

    def untag(self, service: str, release: int) -> None:
        """Take the name of a release off, and the image with its last name unless something uses it."""
        name = kept_name(service, release)
        if not self._remove(name):
            self._run("untag", name, name)

    def containers(self) -> Mapping[str, Container]:
        """Return Beacon's running containers by service: one listing, whatever their number."""
        rows = self._json("ps", "--format", "json", "--filter", f"label={SERVICE_LABEL}")
        return {container.service: container for container in map(_container, rows)}

    def health(self, service: str) -> str | None:
        """Return the health of the service's container; None where it does not run.

        ``""`` where nothing checks it.
        """
        name = f"name=^{container_name(service)}$"
        rows = self._json("ps", "--format", "json", "--filter", name)
        return next((container.health for container in map(_container, rows)), None)

    def address(self, service: str) -> str:
        """Return the address of the service's container on its first network; empty where it has none."""
        inspected = self._json("inspect", "--type", "container", container_name(service))
        networks = inspected[0].get("NetworkSettings", {}).get("Networks") or {}
        return next((str(net["IPAddress"]) for net in networks.values() if net.get("IPAddress")), "")

    def volumes(self) -> Mapping[str, str]:
        """Return the named volumes that Beacon's units made: volume name to service."""
        rows = self._json("volume", "ls", "--format", "json", "--filter", f"label={SERVICE_LABEL}")
        return {row["Name"]: row["Labels"][SERVICE_LABEL] for row in rows}

    def _break_in(self, volume: str) -> None:
        """Mount a volume that is still empty.

        Then Podman fills it from the image and gives its folder the owner of the container's, Podman 4 even
        if it has data: what was copied must not be taken for new.
        """
        name = _first_user(volume)
        with tempfile.TemporaryDirectory(prefix="beacon-") as root:
            self._run("rm", "--force", "--ignore", name)
            self._run(
                "create",
                f"--name={name}",
                "--network=none",
                f"--volume={volume}:/new",
                "--rootfs",
                root,
                "none",
            )
            with contextlib.suppress(CommandFailedError):  # when all is mounted: there is no such program
                self._run("init", name)
            self._run("rm", "--force", name)

    def remove_volume(self, name: str) -> None:
        """Delete a volume with its data."""
        self._run("rm", "--force", "--ignore", _first_user(name))  # which a kill may have left
        super().remove_volume(name)

    def secure_volume(self, name: str) -> None:
        """See that a volume outlives the containers that mount it.

        With a container that is run with ``--rm``, as Quadlet's all are, Podman removes the volumes that
        never had a name, even those that it mounts by their id; but none that another container mounts. So
        there is one that is never started.
        """
        volume = self.volume(name)
        if volume is None or not volume.is_anonymous:
            return
        flags = [*label_flags({_KEEPS_LABEL: name}), f"--volume={name}:/kept"]
        try:
            self._run("create", f"--name={_keeper(name)}", *flags, "--rootfs", volume.folder, "true")
        except CommandFailedError as error:
            if "already in use" not in error.said:
                raise

    def release_volume(self, name: str) -> None:
        """Remove the container that keeps a volume, but not the volume."""
        try:
            self._run("rm", _keeper(name))
        except CommandFailedError as error:
            if (
                "no such container" not in error.said.lower()
                and "no container with" not in error.said.lower()
            ):
                raise

    def secrets(self) -> Collection[str]:
        """Return the names of the secrets that there are."""
        return self._run("secret", "ls", "--format", "{{.Name}}").splitlines()

    def make_secret(self, name: str, value: bytes) -> None:
        """Keep *value* in Podman's file, which only its user may read."""
        self._give(value, "create", name, "-")

    def lend_secret(self, name: str, command: Sequence[str]) -> None:
        """Have Podman ask *command* for the value whenever a container needs it, and keep nothing itself."""
        lookup = f"exec {shlex.join(command)}"
        driver = f"list=true,delete=true,store=cat >/dev/null,lookup={lookup}"
        self._give(b"kept elsewhere", "create", "--driver=shell", f"--driver-opts={driver}", name, "-")

    def secret_value(self, name: str) -> bytes:
        """Return a value that Podman keeps. Raises MachineError if it cannot tell it, as before 4.7."""
        try:
            (row,) = self._json("secret", "inspect", "--showsecret", name)
            return str(row["SecretData"]).encode()
        except (LookupError, ValueError) as error:
            raise MachineError(f"cannot understand what podman secret inspect says of {name}") from error

    def remove_secret(self, name: str) -> None:
        """Remove a secret; one that is gone is fine."""
        if name in self.secrets():
            self._run("secret", "rm", name)

    def _give(self, value: bytes, *words: str) -> None:
        run(["podman", "secret", *words], self._environment, given=value)

    def secret_changes(self, names: Collection[str]) -> Mapping[str, datetime]:
        """Return when each of the secrets *names* got its value."""
        rows = self._json("secret", "inspect", *sorted(names)) if names else []
        try:
            return {str(row["Spec"]["Name"]): datetime.fromisoformat(str(row["UpdatedAt"])) for row in rows}
        except (LookupError, TypeError, ValueError) as error:
            raise MachineError(f"cannot understand what podman secret inspect says: {error!r}") from error

    @property
    def _in_namespace(self) -> tuple[str, ...]:
        return ("podman", "unshare") if os.geteuid() else ()

    def _reused(self, layers: Sequence[Layer], images: Sequence[Sequence[str]]) -> Collection[Layer]:
        """Return the layers that any image has."""
        there = {unpacked for image in images for unpacked in image}
        return [layer for layer in layers if layer.unpacked in there]

    def _says_absent(self, error: CommandFailedError) -> bool:
        return error.mentions(_ABSENT) and not error.mentions(_CHANGING)

    def _run(self, *arguments: str) -> str:
        return _settled(lambda: super(Podman, self)._run(*arguments))

    def _stream(self, *arguments: str, progress: Progress) -> str:
        command = ["podman", *arguments]

        def attempt() -> str:
            blobs = Blobs()
            hear = lambda _, pid: progress(blobs.fetched(pid))  # noqa: E731
            return stream(command, self._environment, hear, patience=self._patience)

        return _settled(attempt)

    def _json(self, *arguments: str) -> list[dict[str, Any]]:
        said = self._run(*arguments)
        try:
            rows = read_json(said or "[]")
        except ValueError as error:
            raise MachineError(f"cannot understand what podman {arguments[0]} says: {error}") from error
        return [row for row in rows or () if isinstance(row, dict)]


def _settled(command: Callable[[], str]) -> str:
    """Return what *command* says when no image that it reads is half there."""
    for wait in _PATIENCE:
        try:
            return command()
        except CommandFailedError as error:
            if not error.mentions(_CHANGING):
                raise
        time.sleep(wait)
    return command()


def _first_user(volume: str) -> str:
    """Return the name of the container that is the first to mount *volume*."""
    return f"{PREFIX}new.{volume}"


def _keeper(volume: str) -> str:
    return f"{KEEPER}{volume[:12]}"


def _container(row: Mapping[str, Any]) -> Container:
    labels: Mapping[str, str] = row.get("Labels") or {}
    release = labels.get(RELEASE_LABEL, "")
    health = _HEALTH.search(str(row.get("Status", "")))
    return Container(
        service=labels.get(SERVICE_LABEL, ""),
        image_id=Digest(f"sha256:{row['ImageID']}"),
        release=int(release) if release.isdecimal() else None,
        health=health[1] if health else "",
        ports={
            f"{int(port['container_port']) + offset}/{protocol}": (
                str(port.get("host_ip") or ""),
                int(port["host_port"]) + offset,
            )
            for port in row.get("Ports") or ()
            for protocol in str(port.get("protocol") or "tcp").split(",")
            for offset in range(int(port.get("range") or 1))
        },
    )
