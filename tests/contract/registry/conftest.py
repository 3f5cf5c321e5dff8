"""Registries for the contract tests: fakes that misbehave, and where one is named, a real one.

BEACON_TEST_REGISTRY=http://host:5000 runs the basic tests against that registry too; with a login as in
http://user:password@host:5000 when it asks for one.
"""

from __future__ import annotations

import os
import subprocess
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from beacon.model.reference import ImageReference
from beacon.registry.client import RegistryClient
from beacon.registry.settings.credentials import CredentialStore
from beacon.registry.settings.registries_conf import RegistriesConfig, RegistryTable
from tests.contract.registry.fake import FakeRegistry
from tests.contract.registry.images import Live, Pusher

REAL = os.environ.get("BEACON_TEST_REGISTRY", "")

MakeClient = Callable[..., RegistryClient]


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def registries() -> Iterator[Callable[..., FakeRegistry]]:
    """Return a function that starts fake registries."""
    with ExitStack() as stack:
        yield lambda *arguments, **settings: stack.enter_context(FakeRegistry(*arguments, **settings))


@pytest.fixture
def fake(registries: Callable[..., FakeRegistry]) -> FakeRegistry:
    """Return a fake registry."""
    return registries()


@pytest.fixture
def pusher(fake: FakeRegistry) -> Pusher:
    """Return what puts images into the fake registry."""
    return Pusher(fake.url)


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Return a function that makes clients; by default every registry at 127.0.0.1 may be without TLS."""
    with ExitStack() as stack:

        def make(
            *registries: RegistryTable, credentials: CredentialStore | None = None, **settings: object
        ) -> RegistryClient:
            config = settings.pop("config", None)
            assert config is None or isinstance(config, RegistriesConfig)
            settings.setdefault("deadline", 5.0)
            client = RegistryClient(
                config or RegistriesConfig(registries or LOOPBACK),
                credentials or CredentialStore(),
                **settings,  # type: ignore[arg-type]
            )
            return stack.enter_context(client)

        yield make


LOOPBACK = (RegistryTable(prefix="127.0.0.1", location="127.0.0.1", insecure=True),)


@pytest.fixture(params=["fake", "real"] if REAL else ["fake"])
def live(request: pytest.FixtureRequest) -> Live:
    """Return each registry that the basic tests run against."""
    if request.param == "real":
        parts = urllib.parse.urlsplit(REAL)
        host = parts.netloc.rpartition("@")[2]
        password = f"{parts.username}:{parts.password}" if parts.username else ""
        pusher = Pusher(f"{parts.scheme}://{host}", password)
        return Live(host, pusher, parts.username or "", parts.password or "")
    fake: FakeRegistry = request.getfixturevalue("fake")
    fake.password = "me:secret"  # noqa: S105
    return Live(fake.host, Pusher(fake.url, "me:secret"), "me", "secret")


@pytest.fixture
def repository() -> str:
    """Return a repository that no other test uses."""
    return f"beacon-tests/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def reference(fake: FakeRegistry) -> Callable[[str], ImageReference]:
    """Return a function that names images of the fake registry."""
    return lambda name: ImageReference.parse(f"{fake.host}/{name}")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an authority (ca.crt), a server's and a client's certificate, made by openssl."""
    folder = tmp_path_factory.mktemp("authority")
    subject = ["-days", "2", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    _openssl(folder, "req", "-x509", *subject, "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.crt")
    for name in ("server", "client"):
        _openssl(folder, "req", *subject[2:], "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip  # noqa: E501
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.cert")
    return folder


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)
