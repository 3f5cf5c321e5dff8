"""Where is asked, and who is trusted: mirrors, blocks, TLS, certs.d, and what the process leaves behind."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from beacon.errors import ConfigError
from beacon.model.image import Platform
from beacon.model.reference import ImageReference
from beacon.registry.client import RegistryClient
from beacon.registry.results import Failed, FailureKind, Found, RefusedError
from beacon.registry.settings.registries_conf import Mirror, PullFromMirror, RegistriesConfig, RegistryTable
from tests.contract.registry.asking import resolve, tags
from tests.contract.registry.fake import Answer, FakeRegistry, Hang
from tests.contract.registry.images import Made, Pusher

MakeClient = Callable[..., RegistryClient]
AMD64 = Platform("linux", "amd64")
PUBLIC = ImageReference.parse("public.example/me/web:latest")


@pytest.fixture
def mirror(registries: Callable[[], FakeRegistry]) -> FakeRegistry:
    return registries()


def mirrored(
    fake: FakeRegistry, mirror: FakeRegistry, which: PullFromMirror = PullFromMirror.ALL
) -> RegistryTable:
    return RegistryTable(
        prefix="public.example",
        location=f"{fake.host}/hosted",
        insecure=True,
        mirrors=(Mirror(f"{mirror.host}/cache", insecure=True, pull_from_mirror=which),),
    )


def push_both(fake: FakeRegistry, mirror: FakeRegistry) -> tuple[Made, Made]:
    old = Pusher(mirror.url).image("cache/me/web", "latest", settings={"Cmd": ["old"]})
    new = Pusher(fake.url).image("hosted/me/web", "latest", settings={"Cmd": ["new"]})
    fake.asked.clear()
    mirror.asked.clear()
    return old, new


def test_the_mirror_is_checked_because_the_pull_uses_it(
    fake: FakeRegistry, mirror: FakeRegistry, make_client: MakeClient
) -> None:
    old, _ = push_both(fake, mirror)
    client = make_client(mirrored(fake, mirror))
    assert client.check([PUBLIC]) == {PUBLIC: Found(old.digest)}
    assert resolve(client, PUBLIC, None, AMD64).config.command == ("old",)
    assert fake.asked == []


def test_a_mirror_for_digests_serves_no_tags(
    fake: FakeRegistry, mirror: FakeRegistry, make_client: MakeClient
) -> None:
    old, new = push_both(fake, mirror)
    client = make_client(mirrored(fake, mirror, PullFromMirror.DIGEST_ONLY))
    assert client.check([PUBLIC]) == {PUBLIC: Found(new.digest)}
    assert resolve(client, PUBLIC, old.digest, AMD64).config.command == ("old",)


def test_what_the_mirror_lacks_comes_from_the_registry(
    fake: FakeRegistry, mirror: FakeRegistry, make_client: MakeClient
) -> None:
    _, new = push_both(fake, mirror)
    mirror.manifests.clear()
    client = make_client(mirrored(fake, mirror))
    assert client.check([PUBLIC]) == {PUBLIC: Found(new.digest)}
    assert resolve(client, PUBLIC, new.digest, AMD64).config.command == ("new",)


@pytest.mark.parametrize("trouble", [Answer(500), Answer(429, {"Retry-After": "900"}), Hang()])
def test_a_mirror_in_trouble_is_passed_over(
    fake: FakeRegistry, mirror: FakeRegistry, make_client: MakeClient, trouble: Answer | Hang
) -> None:
    _, new = push_both(fake, mirror)
    mirror.when("*", "/manifests/", trouble)
    references = [PUBLIC, *(PUBLIC.with_tag(f"v{number}") for number in range(20))]
    started = time.monotonic()
    results = make_client(mirrored(fake, mirror), deadline=1.0).check(references)
    assert time.monotonic() - started < 2.5
    assert results[PUBLIC] == Found(new.digest)
    assert all(isinstance(results[one], Failed) for one in references[1:])


def test_tags_are_those_of_the_registry_itself(
    fake: FakeRegistry, mirror: FakeRegistry, make_client: MakeClient
) -> None:
    push_both(fake, mirror)
    Pusher(fake.url).image("hosted/me/web", "2.0")
    assert tags(make_client(mirrored(fake, mirror)), PUBLIC) == ("2.0", "latest")


def test_what_is_blocked_is_not_asked_for(fake: FakeRegistry, make_client: MakeClient) -> None:
    blocked = RegistryTable(prefix="public.example", location=fake.host, blocked=True, file="/etc/x.conf")
    client = make_client(blocked)
    result = client.check([PUBLIC])[PUBLIC]
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.BLOCKED
    assert result.hint is not None
    assert "/etc/x.conf" in result.hint
    with pytest.raises(RefusedError, match="blocks"):
        resolve(client, PUBLIC, None, AMD64)
    assert fake.asked == []


@pytest.fixture
def secure(registries: Callable[..., FakeRegistry], authority: Path) -> FakeRegistry:
    return registries(_server_context(authority))


def _server_context(authority: Path, *, client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.cert", authority / "server.key")
    if client:
        context.load_verify_locations(authority / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def push_directly(registry: FakeRegistry, plain: FakeRegistry) -> Made:
    made = Pusher(plain.url).image("web", "latest")
    registry.manifests, registry.tags, registry.blobs = plain.manifests, plain.tags, plain.blobs
    return made


def certs(tmp_path: Path, host: str, **files: Path) -> RegistriesConfig:
    folder = tmp_path / "certs.d" / host
    folder.mkdir(parents=True)
    for name, source in files.items():
        (folder / name.replace("_", ".")).write_bytes(source.read_bytes())
    return RegistriesConfig(certificate_folders=(tmp_path / "none", tmp_path / "certs.d"))


def test_a_certificate_of_nobody_known_is_not_trusted(secure: FakeRegistry, make_client: MakeClient) -> None:
    reference = ImageReference.parse(f"{secure.host}/web")
    result = make_client(config=RegistriesConfig()).check([reference])[reference]
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.TLS
    assert "its certificate is not trusted" in result.problem
    assert result.hint is not None
    assert f"/etc/containers/certs.d/{secure.host}/ca.crt" in result.hint


def test_an_authority_in_certs_d_is_trusted(
    secure: FakeRegistry, fake: FakeRegistry, make_client: MakeClient, authority: Path, tmp_path: Path
) -> None:
    made = push_directly(secure, fake)
    reference = ImageReference.parse(f"{secure.host}/web")
    client = make_client(config=certs(tmp_path, secure.host, ca_crt=authority / "ca.crt"))
    assert client.check([reference]) == {reference: Found(made.digest)}
    assert resolve(client, reference, None, AMD64).digest == made.digest


def test_a_certificate_of_the_client_is_shown(
    registries: Callable[..., FakeRegistry],
    fake: FakeRegistry,
    make_client: MakeClient,
    authority: Path,
    tmp_path: Path,
) -> None:
    strict = registries(_server_context(authority, client=True))
    made = push_directly(strict, fake)
    reference = ImageReference.parse(f"{strict.host}/web")
    pair = {"client_cert": authority / "client.cert", "client_key": authority / "client.key"}
    client = make_client(config=certs(tmp_path, strict.host, ca_crt=authority / "ca.crt", **pair))
    assert client.check([reference]) == {reference: Found(made.digest)}


def test_insecure_means_tls_without_trust_first(
    secure: FakeRegistry, fake: FakeRegistry, make_client: MakeClient
) -> None:
    made = push_directly(secure, fake)
    reference = ImageReference.parse(f"{secure.host}/web")
    assert make_client().check([reference]) == {reference: Found(made.digest)}


def test_an_authority_that_is_none_is_named(
    secure: FakeRegistry, make_client: MakeClient, tmp_path: Path
) -> None:
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("nothing\n")
    reference = ImageReference.parse(f"{secure.host}/web")
    config = certs(tmp_path, secure.host, ca_crt=nonsense)
    result = make_client(config=config).check([reference])[reference]
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.CONFIGURATION
    assert "ca.crt: must hold certificates in PEM form" in result.problem
    with pytest.raises((RefusedError, ConfigError), match=r"ca\.crt"):
        resolve(make_client(config=config), reference, None, AMD64)


def test_a_server_that_never_says_hello_ends_at_the_deadline(
    make_client: MakeClient, fake: FakeRegistry
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reference = ImageReference.parse(f"127.0.0.1:{silent.getsockname()[1]}/web")
        made = Pusher(fake.url).image("web", "latest")
        healthy = ImageReference.parse(f"{fake.host}/web")
        started = time.monotonic()
        secure_only = RegistryTable(prefix=reference.registry, location=reference.registry)
        loopback = RegistryTable(prefix="127.0.0.1", location="127.0.0.1", insecure=True)
        results = make_client(secure_only, loopback, deadline=1.0).check([reference, healthy])
        assert time.monotonic() - started < 2.0
    assert results[healthy] == Found(made.digest)
    result = results[reference]
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.UNREACHABLE


GOODBYES = {"without a word": b"", "in the words of TLS": b"\x15\x03\x03\x00\x02\x01\x00"}


@pytest.mark.parametrize("goodbye", GOODBYES.values(), ids=GOODBYES)
def test_a_server_that_hangs_up_on_a_hello_is_out_of_order_and_not_distrusted(
    make_client: MakeClient, goodbye: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_hang_up, args=(server, goodbye), daemon=True).start()
        reference = ImageReference.parse(f"127.0.0.1:{server.getsockname()[1]}/web")
        result = make_client(config=RegistriesConfig()).check([reference])[reference]
        server.shutdown(socket.SHUT_RDWR)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.UNREACHABLE
    assert "broke off: the connection was closed in the middle of TLS" in result.problem


def _hang_up(server: socket.socket, goodbye: bytes) -> None:
    with contextlib.suppress(OSError):  # closed at the end of the test
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(goodbye)


def test_a_proxy_of_the_environment_is_used(
    fake: FakeRegistry, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Pusher(fake.url).image("web", "latest")
    monkeypatch.setenv("http_proxy", fake.url)
    reference = ImageReference.parse("registry.invalid/web")
    insecure = RegistryTable(prefix="registry.invalid", location="registry.invalid", insecure=True)
    fake.asked.clear()
    assert make_client(insecure).check([reference]) == {reference: Found(made.digest)}
    assert fake.asked[0].headers["host"] == "registry.invalid"


def test_a_process_ends_at_once_although_a_host_hangs(fake: FakeRegistry) -> None:
    fake.when("*", ".", Hang())
    program = f"""
from beacon.model.reference import ImageReference
from beacon.registry.client import RegistryClient
from beacon.registry.settings.credentials import CredentialStore
from beacon.registry.settings.registries_conf import RegistriesConfig
from beacon.registry.settings.registries_conf import RegistryTable
registry = RegistryTable(prefix="127.0.0.1", location="127.0.0.1", insecure=True)
client = RegistryClient(RegistriesConfig((registry,)), CredentialStore(), deadline=0.5)
print(*client.check([ImageReference.parse("{fake.host}/web")]).values())
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert time.monotonic() - started < 5
    assert "did not answer within 0.5 s" in done.stdout
    assert done.stderr == ""
