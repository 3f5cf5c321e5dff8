"""What must hold with every registry, the fake one and real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from beacon.model.image import Platform
from beacon.model.reference import Digest, ImageReference
from beacon.registry.client import RegistryClient
from beacon.registry.results import Failed, FailureKind, Found, PlatformError, RefusedError
from beacon.registry.settings.credentials import CredentialStore
from tests.contract.registry.asking import resolve, tags
from tests.contract.registry.images import Live
from tests.contract.registry.logins import stored

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")

MakeClient = Callable[..., RegistryClient]


@pytest.fixture
def client(live: Live, make_client: MakeClient, tmp_path: Path) -> RegistryClient:
    login = f"{live.username}:{live.password}"
    credentials = stored(tmp_path, **{live.host: login}) if live.username else CredentialStore()
    return make_client(credentials=credentials)


def image(live: Live, repository: str, tag: str = "latest") -> ImageReference:
    return ImageReference.parse(f"{live.host}/{repository}:{tag}")


def test_a_check_finds_the_digest_that_was_pushed(
    live: Live, client: RegistryClient, repository: str
) -> None:
    made = live.pusher.image(repository, "latest")
    reference = image(live, repository)
    assert client.check([reference, reference]) == {reference: Found(made.digest)}


def test_a_check_by_digest_finds_that_digest(live: Live, client: RegistryClient, repository: str) -> None:
    made = live.pusher.image(repository, "latest")
    reference = image(live, repository).with_digest(made.digest)
    assert client.check([reference]) == {reference: Found(made.digest)}


def test_a_tag_that_is_not_there_is_not_found(live: Live, client: RegistryClient, repository: str) -> None:
    live.pusher.image(repository, "latest")
    reference = image(live, repository, "v9")
    result = client.check([reference])[reference]
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.NOT_FOUND
    assert "'v9'" in result.problem


def test_a_repository_that_is_not_there_is_not_found(
    live: Live, client: RegistryClient, repository: str
) -> None:
    reference = image(live, repository)
    result = client.check([reference])[reference]
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.NOT_FOUND
    with pytest.raises(RefusedError, match="has no tag 'latest'"):
        resolve(client, reference, None, AMD64)
    with pytest.raises(RefusedError, match="has no repository"):
        tags(client, reference)


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_an_index_resolves_to_the_image_of_the_platform(
    live: Live, client: RegistryClient, repository: str, *, docker: bool
) -> None:
    children = {
        name: live.pusher.image(repository, name.replace("/", "-"), platform=name, docker=docker)
        for name in ("linux/amd64", "linux/arm64/v8")
    }
    index = live.pusher.index(repository, "latest", children, docker=docker)
    reference = image(live, repository)
    assert client.check([reference]) == {reference: Found(index.digest)}
    for digest in (index.digest, None):
        found = resolve(client, reference, digest, ARM64)
        assert found.tag_digest == index.digest
        assert found.digest == children["linux/arm64/v8"].digest
        assert found.config.image_id == children["linux/arm64/v8"].config
        assert found.config.platform == Platform("linux", "arm64", "v8")


def test_an_image_for_one_platform_resolves_to_itself(
    live: Live, client: RegistryClient, repository: str
) -> None:
    made = live.pusher.image(repository, "latest", settings={"Cmd": ["serve"], "Env": ["A=b=c"]})
    found = resolve(client, image(live, repository), made.digest, AMD64)
    assert found.tag_digest == found.digest == made.digest
    assert found.config.command == ("serve",)
    assert found.config.env == {"A": "b=c"}
    (layer,) = found.parts
    assert found.size == layer.size > 0
    assert layer.unpacked


def test_an_image_for_another_platform_is_refused_with_what_there_is(
    live: Live, client: RegistryClient, repository: str
) -> None:
    live.pusher.image(repository, "latest")
    with pytest.raises(PlatformError, match="not built for linux/arm64 but for linux/amd64"):
        resolve(client, image(live, repository), None, ARM64)


def test_a_digest_that_is_not_there_is_not_found(live: Live, client: RegistryClient, repository: str) -> None:
    live.pusher.image(repository, "latest")
    with pytest.raises(RefusedError, match="has no image"):
        resolve(client, image(live, repository), Digest(f"sha256:{'0' * 64}"), AMD64)


def test_tags_are_listed_without_signatures(live: Live, client: RegistryClient, repository: str) -> None:
    for tag in ("latest", "1.0", f"sha256-{'0' * 64}.sig"):
        live.pusher.image(repository, tag)
    assert sorted(tags(client, image(live, repository))) == ["1.0", "latest"]


def test_without_the_login_it_is_asked_for(live: Live, make_client: MakeClient, repository: str) -> None:
    if not live.username:
        pytest.skip("this registry asks for no login")
    live.pusher.image(repository, "latest")
    reference = image(live, repository)
    result = make_client().check([reference])[reference]
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.LOGIN_NEEDED
    assert result.hint is not None
    assert f"beacon login {live.host}" in result.hint


def test_a_wrong_password_is_told_and_sent_only_once(
    live: Live, make_client: MakeClient, repository: str, tmp_path: Path
) -> None:
    if not live.username:
        pytest.skip("this registry asks for no login")
    references = [image(live, f"{repository}/{number}") for number in range(20)]
    client = make_client(credentials=stored(tmp_path, **{live.host: f"{live.username}:wrong"}))
    results = client.check(references)
    kinds = {result.kind for result in results.values() if isinstance(result, Failed)}
    assert kinds == {FailureKind.LOGIN_REFUSED}
    assert len(results) == 20
