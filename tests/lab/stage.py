"""Shorthand for stories of services on a test host: define, push, update, and look at what became of it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from subprocess import CompletedProcess
from threading import Event, Thread
from typing import Any

from tests.lab import images
from tests.lab.faulty_registry import FaultyRegistry
from tests.lab.host import LabHost, wait_until

REGISTRY = "registry.example:5000"
FIRST_PORT = 8080
SETTLE = "400ms"

Outcomes = Mapping[str, str]


class Stage:
    """A host and the services on it; each gets a port of the host by its order."""

    def __init__(self, host: LabHost) -> None:
        self.host = host
        self._ports: dict[str, int] = {}
        self._since = time.time_ns() // 1000

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
        self.host.write(f"/etc/beacon/services/{name}.toml", "\n".join(lines) + "\n")

    def deploy(self, *names: str, version: str = "1") -> None:
        """Push, define and apply services that answer with *version*."""
        for name in names:
            self.push(name, version)
            self.define(name)
        self.apply()
        for name in names:
            wait_until(lambda name=name: self.version(name) == version)  # type: ignore[misc]

    def beacon(self, *argv: str, status: int | None = 0, timeout: float = 90) -> CompletedProcess[str]:
        """Run beacon, and check its exit status unless any will do."""
        done = self.host.run("beacon", *argv, check=False, timeout=timeout)
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
        connection = http.client.HTTPConnection(self.host.address, self.port(name), timeout=1)
        try:
            connection.request("GET", "/version")
            return connection.getresponse().read().decode().strip()
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    def state(self, name: str = "web") -> dict[str, Any]:
        """Return what Beacon remembers of a service."""
        state: dict[str, Any] = json.loads(self.host.read(f"/var/lib/beacon/services/{name}.json"))
        return state

    def live(self, name: str = "web") -> dict[str, Any]:
        """Return the release that is live by Beacon's own account."""
        state = self.state(name)
        found: dict[str, Any] = next(one for one in state["releases"] if one["number"] == state["live"])
        return found

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return properties of a unit."""
        said = self.host.run("systemctl", "show", "--property", ",".join(properties), unit).stdout
        return dict(line.split("=", 1) for line in said.splitlines())

    def active(self, unit: str = "beacon-web.service") -> str:
        """Return the ActiveState of a unit."""
        return self.show(unit, "ActiveState")["ActiveState"]

    def invocations(self, *names: str) -> list[str]:
        """Return what changes with every start of the services' units."""
        return [self.show(f"beacon-{name}.service", "InvocationID")["InvocationID"] for name in names]

    def running(self, name: str = "web") -> dict[str, Any]:
        """Return what the engine says of a service's container."""
        (container,) = json.loads(self.host.run("podman", "inspect", f"beacon-{name}").stdout)
        return dict(container)

    def events(self, name: str = "web") -> list[dict[str, str]]:
        """Return what Beacon has told the journal of a service in this test, as `journalctl -u` shows it."""
        said = self.host.run("journalctl", f"--unit=beacon-{name}", "--output=json").stdout
        entries: list[dict[str, str]] = [json.loads(line) for line in said.splitlines()]
        new = [entry for entry in entries if int(entry["__REALTIME_TIMESTAMP"]) >= self._since]
        return [entry for entry in new if "BEACON_EVENT" in entry]

    def told(self, name: str = "web") -> list[str]:
        """Return the kinds of the events of a service."""
        return [event["BEACON_EVENT"] for event in self.events(name)]

    def agrees(self, name: str = "web") -> str:
        """Return the version of a service that is at rest, with state, file, unit and container at one."""
        state, live = self.state(name), self.live(name)
        assert state["rollout"] is None
        assert live["state"] == "live"
        assert not [one for one in state["releases"] if one["state"] == "candidate"]
        assert f"@{live['digest']}\n" in self.host.read(f"/etc/containers/systemd/beacon-{name}.container")
        unit = self.show(f"beacon-{name}.service", "ActiveState", "NeedDaemonReload")
        assert unit == {"ActiveState": "active", "NeedDaemonReload": "no"}, (unit, state)
        container = self.running(name)
        assert container["ImageName"].endswith(live["digest"])
        assert container["Config"]["Labels"]["io.beacon.release"] == str(live["number"])
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
