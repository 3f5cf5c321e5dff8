"""Shorthand for stories of services on a test host: define, push, update, and look at what became of it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from subprocess import CompletedProcess, Popen
from threading import Event, Thread
from typing import Any

from tests.lab import images
from tests.lab.faulty_registry import FaultyRegistry
from tests.lab.host import CommandError, LabHost, LabUser, wait_until
from tests.lab.kinds import QUADLET, Kind

REGISTRY = "registry.example:5000"
FIRST_PORT = 8080
SETTLE = "400ms"
QUICK = images.ImageConfig(labels={"io.beacon.update.settle": SETTLE})
"""Of images whose services have definitions that say nothing of it."""

Outcomes = Mapping[str, str]


class Stage:
    """A host and the services on it, the machine's or a *user*'s; each gets a port of the host in turn."""

    def __init__(self, host: LabHost, kind: Kind = QUADLET, user: LabUser | None = None) -> None:
        self.host = host
        self.kind = kind
        self.user = user
        self._ports: dict[str, int] = {}
        self.domains: dict[str, str] = {}
        """Of services that answer through the proxy."""
        self._since = time.time_ns() // 1000

    # Where things are, and who acts

    @property
    def config(self) -> str:
        """The folder of beacon.toml, with the definitions in services/ below it."""
        return f"{self.user.home}/.config/beacon" if self.user else "/etc/beacon"

    @property
    def memory(self) -> str:
        """The folder of what Beacon remembers."""
        return f"{self.user.home}/.local/state/beacon" if self.user else "/var/lib/beacon"

    @property
    def systemd_units(self) -> str:
        """The folder of the owner's own unit files."""
        return f"{self.user.home}/.config/systemd/user" if self.user else "/etc/systemd/system"

    @property
    def units(self) -> str:
        """The folder of the files that Beacon writes."""
        if not self.kind.quadlet:
            return self.systemd_units
        return f"{self.user.home}/.config/containers/systemd" if self.user else "/etc/containers/systemd"

    def unit_file(self, name: str = "web") -> str:
        """Return the main file of a service."""
        return f"{self.units}/beacon-{name}.{'container' if self.kind.quadlet else 'service'}"

    @property
    def logins(self) -> str:
        """The file of the engine's logins."""
        if self.kind.engine == "docker":
            return "/root/.docker/config.json"
        return (
            f"/run/user/{self.user.uid}/containers/auth.json" if self.user else "/run/containers/0/auth.json"
        )

    def run(self, *argv: str, check: bool = True, timeout: float = 60) -> CompletedProcess[str]:
        """Run a command as the owner of the services."""
        return (self.user or self.host).run(*argv, check=check, timeout=timeout)

    def start(self, *argv: str) -> Popen[str]:
        """Start a command as the owner of the services, without waiting for it."""
        return (self.user or self.host).start(*argv)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file that belongs to the owner of the services."""
        (self.user or self.host).write(path, text, mode)

    def engine(self, *argv: str, check: bool = True) -> str:
        """Run the engine's command; return what it printed."""
        return self.run(self.kind.engine, *argv, check=check).stdout

    def systemctl(self, *argv: str) -> str:
        """Steer the manager of the services; return what was printed."""
        return self.run("systemctl", *self._manager, *argv).stdout

    def journal(self, *argv: str, check: bool = True) -> str:
        """Return what the journal has to say of the services."""
        return self.run("journalctl", *self._manager, *argv, check=check).stdout

    @property
    def _manager(self) -> list[str]:
        return ["--user"] if self.user else []

    # What the owner and the developer do

    def push(self, name: str = "web", version: str = "1", **how: Any) -> images.Pushed:  # noqa: ANN401 (as images.push)
        """Push a version of the image that the service *name* follows."""
        return images.push(self.host, f"{REGISTRY}/me/{name}", version=version, **how)

    def define(  # noqa: PLR0913 (each is a different part of the file)
        self,
        name: str = "web",
        *,
        image: str | None = None,
        top: str = "",
        update: str = "",
        more: str = "",
        port: bool = True,
    ) -> None:
        """Write a definition: *top* are keys of its own, *update* keys of [update], *more* are tables."""
        image = image or f"{REGISTRY}/me/{name}:latest"
        lines = [f'image = "{image}"', top]
        if port:
            lines += ["[[port]]", f"host = {self.port(name)}", f"container = {images.PORT}"]
        settle = "" if "settle" in update else f'settle = "{SETTLE}"'
        lines += ["[update]", settle, update, more]
        self.write(self.definition(name), "\n".join(lines) + "\n")

    def definition(self, name: str = "web") -> str:
        """Return the file that defines a service."""
        return f"{self.config}/services/{name}.toml"

    def deploy(self, *names: str, version: str = "1") -> None:
        """Push, define and apply services that answer with *version*."""
        for name in names:
            self.push(name, version)
            self.define(name)
        self.apply()
        for name in names:
            wait_until(lambda name=name: self.version(name) == version)  # type: ignore[misc]

    def settling(self, settle: str, **how: Any) -> Popen[str]:  # noqa: ANN401 (as images.push)
        """Return an update of web that has begun to watch how its second release settles."""
        self.push()
        self.define(update=f'settle = "{settle}"')
        self.apply()
        self.push(version="2", **how)
        run = self.start("beacon", "update", "--json")
        wait_until(lambda: self.step() == "gate", 60, interval=0.01)
        return run

    def beacon(self, *argv: str, status: int | None = 0, timeout: float = 90) -> CompletedProcess[str]:
        """Run beacon, and check its exit status unless any will do."""
        done = self.run("beacon", *argv, check=False, timeout=timeout)
        said = f"beacon {' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
        assert status in (None, done.returncode), said
        return done

    def apply(self, *argv: str, status: int = 0) -> Outcomes:
        """Apply; return the outcome of each service."""
        return outcomes(self.beacon("apply", "--json", *argv, status=status))

    def update(self, *argv: str, status: int = 0) -> Outcomes:
        """Update; return the outcome of each service."""
        return outcomes(self.beacon("update", "--json", *argv, status=status))

    # What can be seen

    def port(self, name: str) -> int:
        """Return the port of the host at which a service answers."""
        return self._ports.setdefault(name, FIRST_PORT + len(self._ports))

    def version(self, name: str = "web") -> str:
        """Return the version that a service answers with, from outside of the host; or nothing."""
        domain = self.domains.get(name)
        port = 80 if domain else self.port(name)
        connection = http.client.HTTPConnection(self.host.address, port, timeout=1)
        try:
            connection.request("GET", "/version", headers={"Host": domain} if domain else {})
            return connection.getresponse().read().decode().strip()
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    def state(self, name: str = "web") -> dict[str, Any]:
        """Return what Beacon remembers of a service."""
        state: dict[str, Any] = json.loads(self.host.read(f"{self.memory}/services/{name}.json"))
        return state

    def step(self, name: str = "web") -> str:
        """Return the step that the rollout under way is at, ``pulling`` before it, or nothing."""
        try:
            rollout = json.loads(self.host.read(f"{self.memory}/rollouts/{name}.json"))
        except (OSError, CommandError, json.JSONDecodeError):
            return "pulling" if self._pulls() else ""
        return str([*rollout["steps"], "commit"][rollout["index"]])

    def _pulls(self) -> list[str]:
        """Return the marks of images whose pulls began, and may not be all on the disk."""
        folder = f"{self.memory}/pulls"
        try:
            path = self.host.path(folder)
        except ValueError:  # a virtual machine has a disk of its own
            return self.run("ls", folder, check=False).stdout.split()
        return [one.name for one in path.iterdir() if one.name[0] != "."] if path.is_dir() else []

    def live(self, name: str = "web") -> dict[str, Any]:
        """Return the release that is live by Beacon's own account."""
        state = self.state(name)
        found: dict[str, Any] = next(one for one in state["releases"] if one["number"] == state["live"])
        return found

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return properties of a unit."""
        said = self.systemctl("show", "--property", ",".join(properties), unit)
        return dict(line.split("=", 1) for line in said.splitlines())

    def active(self, unit: str = "beacon-web.service") -> str:
        """Return the ActiveState of a unit."""
        return self.show(unit, "ActiveState")["ActiveState"]

    def invocations(self, *names: str) -> list[str]:
        """Return what changes with every start of the services' units."""
        return [self.show(f"beacon-{name}.service", "InvocationID")["InvocationID"] for name in names]

    def image_names(self) -> set[str]:
        """Return every name of every image on disk, tags and digests."""
        listed = self.engine("images", "--quiet", "--no-trunc").split()
        images_there = json.loads(self.engine("image", "inspect", *dict.fromkeys(listed)))
        return {
            name for one in images_there for kind in ("RepoTags", "RepoDigests") for name in one[kind] or ()
        }

    def running(self, name: str = "web") -> dict[str, Any]:
        """Return what the engine says of a service's container."""
        (container,) = json.loads(self.engine("inspect", f"beacon-{name}"))
        return dict(container)

    def events(self, name: str = "web") -> list[dict[str, str]]:
        """Return what Beacon has told the journal of a service in this test, as `journalctl -u` shows it."""
        said = self.journal(f"--unit=beacon-{name}", "--output=json")
        entries: list[dict[str, str]] = [json.loads(line) for line in said.splitlines()]
        new = [entry for entry in entries if int(entry["__REALTIME_TIMESTAMP"]) >= self._since]
        return [entry for entry in new if "BEACON_EVENT" in entry]

    def logged(self, name: str = "web") -> list[str]:
        """Return the kinds of the events of a service."""
        return [event["BEACON_EVENT"] for event in self.events(name)]

    def agrees(self, name: str = "web") -> str:
        """Return the version of a service that is at rest, with state, file, unit and container at one."""
        state, live = self.state(name), self.live(name)
        assert state["rollout"] is None
        assert live["state"] == "live"
        assert not [one for one in state["releases"] if one["state"] == "candidate"]
        assert f"@{live['digest']}\n" in self.host.read(self.unit_file(name))
        unit = self.show(f"beacon-{name}.service", "ActiveState", "NeedDaemonReload")
        assert unit == {"ActiveState": "active", "NeedDaemonReload": "no"}, (unit, state)
        container = self.running(name)
        image = container["Config"]["Image"] if self.kind.engine == "docker" else container["ImageName"]
        assert image.endswith(live["digest"])
        assert container["Config"]["Labels"]["io.beacon.release"] == str(live["number"])
        if self.kind.engine == "docker":
            assert container["HostConfig"]["CgroupParent"] == f"beacon-{name}.slice"
        wait_until(lambda: self.version(name))
        return self.version(name)


def outcomes(done: CompletedProcess[str]) -> Outcomes:
    """Return service → outcome from what --json prints."""
    return {one["service"]: one["outcome"] for one in json.loads(done.stdout)["services"]}


def blobs(proxy: FaultyRegistry, name: str = "") -> int:
    """Return how many blobs were fetched through the proxy."""
    return len(proxy.seen(f"/v2/me/{name}.*/blobs/", "GET"))


@contextmanager
def polled(stage: Stage, name: str = "web", every: float = 0.02) -> Iterator[list[tuple[float, str]]]:
    """Ask a service for its version all the time; yields the list of (moment, answer) as it grows."""
    answers: list[tuple[float, str]] = []
    over = Event()

    def poll() -> None:
        while not over.wait(every):
            began = time.monotonic()
            answers.append((began, stage.version(name)))

    thread = Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()
