"""Stores of endpoints on a test host: the Redis and the etcd that Debian has, as units of a test's own."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.lab.host import LabHost, wait_until

PASSWORD = "sesame"  # noqa: S105
SOCKET = "/run/lab-redis.sock"


class LabRedis:
    """A Redis with a password that keeps nothing on disk."""

    unit = "lab-redis"

    def __init__(self, host: LabHost) -> None:
        self.host = host

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        command = ["redis-server", "--port", "6379", "--unixsocket", SOCKET, "--save", ""]
        _run_unit(self.host, self.unit, *command, "--requirepass", PASSWORD)
        wait_until(lambda: self.host.run("redis-cli", "ping", check=False).returncode == 0)

    def stop(self) -> None:
        """Stop it; all that it had is gone."""
        self.host.run("systemctl", "stop", self.unit, check=False)

    def ask(self, *words: str) -> str:
        """Return what it answers."""
        said = self.host.run("redis-cli", "--no-auth-warning", "-a", PASSWORD, *words)
        return said.stdout.removesuffix("\n")

    def get(self, key: str) -> str | None:
        """Return the value of a key."""
        return self.ask("get", key) if self.ask("exists", key) == "1" else None

    def keys(self) -> set[str]:
        """Return the names of all keys."""
        return set(self.ask("keys", "*").split())


class LabEtcd:
    """An etcd."""

    unit = "lab-etcd"

    def __init__(self, host: LabHost) -> None:
        self.host = host

    def start(self, *options: str) -> None:
        """Start it, empty, and wait until it answers."""
        self.host.run("rm", "-rf", "/var/tmp/lab-etcd")  # noqa: S108 (on a host of our own)
        _run_unit(self.host, self.unit, "etcd", "--data-dir=/var/tmp/lab-etcd", *options)
        wait_until(lambda: self.host.run("etcdctl", "endpoint", "health", check=False).returncode == 0, 30)

    def stop(self) -> None:
        """Stop it; all that it had is gone."""
        self.host.run("systemctl", "stop", self.unit, check=False)

    def ask(self, *words: str) -> str:
        """Return what it answers."""
        return self.host.run("etcdctl", *words).stdout.removesuffix("\n")

    def rows(self) -> dict[str, Any]:
        """Return every key with what etcd says of it, the value as it was written."""
        import base64  # noqa: PLC0415 (here alone)

        said = json.loads(self.ask("get", "", "--prefix", "--write-out=json"))
        text = {name: base64.b64decode(row["key"]).decode() for name, row in enumerate(said.get("kvs", ()))}
        rows = {text[name]: dict(row) for name, row in enumerate(said.get("kvs", ()))}
        for row in rows.values():
            row["value"] = base64.b64decode(row.get("value", "")).decode()
        return rows

    def get(self, key: str) -> str | None:
        """Return the value of a key."""
        row = self.rows().get(key)
        return None if row is None else str(row["value"])

    def keys(self) -> set[str]:
        """Return the names of all keys."""
        return set(self.rows())


def _run_unit(host: LabHost, unit: str, *argv: str) -> None:
    host.run("systemctl", "stop", unit, check=False)
    host.run("systemd-run", "--quiet", "--collect", f"--unit={unit}", *argv)


def seconds_until_gone(store: LabRedis | LabEtcd, key: str, limit: float = 10) -> float:
    """Return after how many seconds a key is gone."""
    began = time.monotonic()
    wait_until(lambda: store.get(key) is None, limit, interval=0.02)
    return time.monotonic() - began
