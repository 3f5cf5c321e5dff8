"""Each test of this folder is run with the store in memory, and inside a test host with real ones."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beacon.endpoints.routing.publisher import Publisher
from beacon.endpoints.stores.etcd import EtcdPublisher
from beacon.endpoints.stores.redis import RedisPublisher
from beacon.model.endpoints.publication import EtcdAccess, RedisAccess
from tests.contract.machine.conftest import REAL
from tests.fakes.store import MemoryStore

Connect = Callable[[], Publisher]

STORES = ["redis", "etcd"] if os.environ.get(REAL) else ["memory"]
"""Test hosts have the real ones."""
collect_ignore = [] if os.environ.get(REAL) else ["test_redis.py", "test_tls.py"]
_LIMIT = 20.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def started(argv: list[str], port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + _LIMIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return process


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of a Redis of this run."""
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = started(argv, port)
    yield port
    process.kill()
    process.wait()


def etcd_command(folder: Path, port: int, scheme: str, *options: str) -> list[str]:
    """Return the command of an etcd of one member that keeps its data in *folder*."""
    own, peers = f"{scheme}://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    return [
        "etcd",
        f"--data-dir={folder}",
        f"--listen-client-urls={own}",
        f"--advertise-client-urls={own}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        *options,
    ]


@pytest.fixture(scope="session")
def etcd_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of an etcd of this run."""
    port = free_port()
    process = started(etcd_command(tmp_path_factory.mktemp("etcd"), port, "http"), port)
    yield port
    process.kill()
    process.wait()


@pytest.fixture(params=STORES)
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Connect:
    """Return a function that gives a publisher: each time a new one, of the same store."""
    del tmp_path
    if request.param == "memory":
        store = MemoryStore()
        return lambda: store
    if request.param == "redis":
        redis = RedisAccess(host="127.0.0.1", port=request.getfixturevalue("redis_port"))
        return lambda: RedisPublisher(redis)
    etcd = EtcdAccess(host="127.0.0.1", port=request.getfixturevalue("etcd_port"))
    return lambda: EtcdPublisher(etcd)
