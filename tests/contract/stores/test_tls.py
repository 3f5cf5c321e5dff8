"""Stores that are spoken to over TLS, with a certificate that is trusted and with one that is not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from beacon.endpoints.routing.publisher import Change, Entry, Publisher
from beacon.endpoints.stores.etcd import EtcdPublisher
from beacon.endpoints.stores.redis import RedisPublisher
from beacon.endpoints.stores.tls import encrypted
from beacon.errors import StoreError
from beacon.model.endpoints.publication import EtcdAccess, RedisAccess
from beacon.model.sensitive import Sensitive
from tests.contract.stores.conftest import STORES, etcd_command, free_port, started

Connect = Callable[[str | None], Publisher]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return a certificate that signs itself, for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=lab"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture(scope="module")
def redis(certificate: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    """Return a function that gives a publisher to a Redis, which trusts the certificates of a file."""
    port, folder, (cert, key) = free_port(), tmp_path_factory.mktemp("redis"), certificate
    process = started(
        [
            *("redis-server", "--port", "0", "--tls-port", str(port), "--save", "", "--dir", str(folder)),
            *("--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert),
            *("--tls-auth-clients", "no", "--requirepass", "sesame"),
        ],
        port,
    )
    yield lambda ca_file: RedisPublisher(
        RedisAccess(port=port, tls=True, ca_file=ca_file, user="default", password=Sensitive("sesame"), db=3),
        encrypted,
    )
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def etcd(certificate: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    """Return the same for an etcd, which wants a certificate of its clients."""
    port, (cert, key) = free_port(), certificate
    options = (f"--cert-file={cert}", f"--key-file={key}", f"--trusted-ca-file={cert}", "--client-cert-auth")
    process = started(etcd_command(tmp_path_factory.mktemp("etcd"), port, "https", *options), port)
    yield lambda ca_file: EtcdPublisher(
        EtcdAccess(port=port, tls=True, ca_file=ca_file, cert_file=cert, key_file=key)
    )
    process.kill()
    process.wait()


@pytest.mark.parametrize("kind", STORES)
def test_a_trusted_store_is_written_and_another_is_not(
    kind: str, request: pytest.FixtureRequest, certificate: tuple[str, str]
) -> None:
    connect: Connect = request.getfixturevalue(kind)
    connect(certificate[0]).write(Change({"a": Entry("1", 60)}, {}))
    assert connect(certificate[0]).read(["a"]) == {"a": "1"}
    with pytest.raises(StoreError, match="certificate"):
        connect(None).read(["a"])
