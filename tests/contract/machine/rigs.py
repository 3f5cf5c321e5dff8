"""The machine that the contract is held against: the one in memory, and a real one where there is one."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from beacon.engine.docker import Docker
from beacon.engine.podman import Podman
from beacon.model import machine as host
from beacon.model.image import Platform
from beacon.model.machine import EngineVersion, MachineFacts
from beacon.model.reference import Digest, ImageReference
from beacon.model.service import Restart, RestartPolicy, Service, Stop
from beacon.rollout.ports import Engine, Files, Systemd
from beacon.state.files import UnitDirectory
from beacon.systemd.manager import SystemdManager
from beacon.units.release import ReleaseInput
from beacon.units.render import render
from tests.fakes.machine import FakeImage, FakeMachine
from tests.fakes.stage import digest
from tests.golden.cases import TEMPLATES

REPOSITORY = "registry.example:5000/contract/app"

_SCRIPTS = {
    "good": "trap 'exit 0' TERM; while :; do sleep 0.1; done",
    "exits": "sleep 0.5; exit 1",
    "unstartable": "",
}
"""What an image of each behaviour runs; the last has no command at all."""


@dataclass(frozen=True)
class Pushed:
    """An image in the registry, by digest, and the id that it has on disk."""

    reference: ImageReference
    image_id: Digest


class Rig(Protocol):
    """A machine, and a hand to arrange things on it."""

    engine: Engine
    systemd: Systemd
    files: Files

    def push(self, version: str, behaviour: str = "good") -> Pushed:
        """Put an image into the registry that the machine pulls from."""

    def install(self, service: str, image: ImageReference, release: int) -> None:
        """Put the unit file of a service in place, of the shape that Beacon writes."""

    def pass_time(self, seconds: float) -> None:
        """Let time go by."""

    def require(self, unit: str, dependent: str) -> None:
        """Make *dependent* stop with *unit*, and start it."""

    def close(self) -> None:
        """Take away what was made."""


class FakeRig:
    """The machine in memory."""

    def __init__(self) -> None:
        self._machine = FakeMachine()
        self.engine: Engine = self._machine
        self.systemd: Systemd = self._machine
        self.files: Files = self._machine

    def push(self, version: str, behaviour: str = "good") -> Pushed:
        manifest, image_id = digest(f"manifest {version}"), digest(f"config {version}")
        self._machine.registry[manifest] = FakeImage(image_id, behaviour)
        return Pushed(ImageReference.parse(REPOSITORY).with_digest(manifest), image_id)

    def install(self, service: str, image: ImageReference, release: int) -> None:
        self.files.put(f"beacon-{service}.container", container_file(service, image, release))

    def pass_time(self, seconds: float) -> None:
        self._machine.sleep(seconds)

    def require(self, unit: str, dependent: str) -> None:
        self._machine.requires[unit] = (dependent,)
        self._machine.start(dependent, 10)

    def close(self) -> None:
        self._machine.files.clear()


class RealRig:
    """The machine that the tests run on: root, systemd, Podman, and a registry as test hosts have them."""

    def __init__(self) -> None:
        self._files: list[Path] = []
        manager = SystemdManager()
        self.engine: Engine = self._engine()
        self.systemd: Systemd = manager
        self.files: Files = UnitDirectory(Path("/etc/containers/systemd"), Path("/etc/systemd/system"))
        self._close: Callable[[], None] = manager.close

    def push(self, version: str, behaviour: str = "good") -> Pushed:
        name = f"{REPOSITORY}:{version}"
        command = f'CMD ["/bin/sh","-c","{_SCRIPTS[behaviour]}"]' if _SCRIPTS[behaviour] else 'CMD ["/none"]'
        _podman("import", "--change", command, "-", name, input=_root(version))
        digest_file = Path(f"/run/contract-{version}")
        _podman("push", "--digestfile", str(digest_file), name)
        pushed = Digest(digest_file.read_text().strip())
        digest_file.unlink()
        _podman("rmi", name)
        reference = ImageReference.parse(REPOSITORY).with_digest(pushed)
        return Pushed(reference, self._id_when_pulled(reference))

    def _engine(self) -> Engine:
        return Podman(os.environ)

    def _id_when_pulled(self, reference: ImageReference) -> Digest:
        _podman("pull", str(reference))
        image_id = _podman("image", "inspect", "--format", "{{.Id}}", str(reference)).decode().strip()
        _podman("rmi", str(reference))
        return Digest(f"sha256:{image_id}")

    def install(self, service: str, image: ImageReference, release: int) -> None:
        self.files.put(f"beacon-{service}.container", container_file(service, image, release))

    def pass_time(self, seconds: float) -> None:
        time.sleep(seconds)

    def require(self, unit: str, dependent: str) -> None:
        path = Path("/run/systemd/system") / dependent
        relation = f"[Unit]\nRequires={unit}\nAfter={unit}\n"
        path.write_text(f"{relation}[Service]\nExecStartPre=sleep 1\nExecStart=sleep infinity\n")
        self._files.append(path)
        self.systemd.reload()
        self.systemd.start(dependent, 10)

    def close(self) -> None:
        for path in self._files:
            self.systemd.stop(path.name, 10)
            path.unlink()
        for name in ("one", "two"):
            self.systemd.stop(f"beacon-{name}.service", 30)
            for file in (f"beacon-{name}.container", f"beacon-{name}.service", f"beacon-{name}.slice"):
                self.files.put(file, None)
        self.systemd.reload()
        for name in ("one", "two"):
            self.systemd.reset_failed(f"beacon-{name}.service")
        self._prune()
        self._close()

    def _prune(self) -> None:
        _podman("image", "prune", "--all", "--force")


class DockerRig(RealRig):
    """The same machine with docker; its plain units are those that Beacon renders."""

    def _engine(self) -> Engine:
        _run("systemctl", "start", "docker")
        return Docker(os.environ)

    def _id_when_pulled(self, reference: ImageReference) -> Digest:
        _run("docker", "pull", str(reference))
        image_id = _run("docker", "image", "inspect", "--format", "{{.Id}}", str(reference)).decode()
        _run("docker", "rmi", str(reference))
        return Digest(image_id.strip())

    def install(self, service: str, image: ImageReference, release: int) -> None:
        defined = Service(
            name=service, image=image, restart=Restart(RestartPolicy.NO), stop=Stop(5), init=False
        )
        given = ReleaseInput(
            service=defined, declared=defined, digest=image.digest or digest(""), number=release
        )
        facts = MachineFacts(host.Engine.DOCKER, EngineVersion(26, 1, 5), 257, Platform("linux", "amd64"))
        for file in render(given, facts, TEMPLATES):
            self.files.put(file.name, file.text)

    def _prune(self) -> None:
        super()._prune()
        _run("docker", "image", "prune", "--all", "--force")


def container_file(service: str, image: ImageReference, release: int) -> str:
    """Return a Quadlet file of the shape that Beacon writes."""
    return f"""\
[Container]
Image={image}
ContainerName=beacon-{service}
Pull=never
Label=io.beacon.service={service}
Label=io.beacon.release={release}
[Service]
TimeoutStopSec=5
"""


def _root(version: str) -> bytes:
    """Return a root file system with a shell, as a tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, data in {"bin/sh": _busybox(), "version": version.encode()}.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("bin/sleep")
        link.type, link.linkname = tarfile.SYMTYPE, "sh"
        tar.addfile(link)
    return archive.getvalue()


def _busybox() -> bytes:
    return Path("/usr/bin/busybox").read_bytes()


def _podman(*arguments: str, input: bytes | None = None) -> bytes:  # noqa: A002  # subprocess's own word
    return _run("podman", *arguments, input=input)


def _run(*command: str, input: bytes | None = None) -> bytes:  # noqa: A002  # subprocess's own word
    environment: Mapping[str, str] = os.environ
    done = subprocess.run(command, input=input, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
