"""Logins: asked for only when the registry wants one, once for all, and never again when refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from beacon.errors import ConfigError
from beacon.model.image import Platform
from beacon.model.reference import ImageReference
from beacon.registry.client import RegistryClient
from beacon.registry.results import CheckResult, Deferred, Failed, FailureKind, Found
from beacon.registry.settings.credentials import CredentialStore
from tests.contract.registry.asking import resolve
from tests.contract.registry.fake import Answer, FakeRegistry, Hang, Headers, TokenRequest
from tests.contract.registry.images import Pusher
from tests.contract.registry.logins import encoded, stored, stored_entries

MakeClient = Callable[..., RegistryClient]
Reference = Callable[[str], ImageReference]
AMD64 = Platform("linux", "amd64")
LOGIN = "me:secret"


@pytest.fixture
def guarded(fake: FakeRegistry) -> FakeRegistry:
    """Return a registry that gives tokens, to somebody or to anybody, and holds ten images."""
    for number in range(10):
        Pusher(fake.url).image(f"web{number}", "latest")
    fake.asked.clear()
    fake.wants_token = True
    fake.password = LOGIN
    return fake


@pytest.fixture
def ten(guarded: FakeRegistry) -> list[ImageReference]:
    return [ImageReference.parse(f"{guarded.host}/web{number}") for number in range(10)]


def kinds(results: object) -> set[FailureKind | str]:
    assert isinstance(results, dict)
    return {one.kind if isinstance(one, Failed) else type(one).__name__ for one in results.values()}


def with_login(fake: FakeRegistry) -> list[TokenRequest]:
    return [request for request in fake.token_requests if request.authorization]


def test_one_anonymous_token_serves_all_repositories(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient
) -> None:
    client = make_client()
    assert kinds(client.check(ten)) == {"Found"}
    assert len(guarded.token_requests) == 1
    assert len(guarded.token_requests[0].scopes) == 10
    assert client.check(ten) == client.check(ten)
    assert len(guarded.token_requests) == 1
    assert guarded.counted("GET", "/v2/$") == 0


def test_with_a_login_one_request_goes_ahead_of_the_others(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient, tmp_path: Path
) -> None:
    guarded.private.update(one.repository for one in ten)
    client = make_client(credentials=stored(tmp_path, **{guarded.host: LOGIN}))
    results = client.check(ten)
    assert kinds(results) == {"Found"}
    assert not any(one.warnings for one in results.values() if isinstance(one, Found))
    assert guarded.counted("HEAD") == 11
    assert len(guarded.token_requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_token_for_all_is_followed_by_one_each(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient, status: int
) -> None:
    guarded.judge = lambda request: Answer(status) if len(request.scopes) > 1 else None
    assert kinds(make_client().check(ten)) == {"Found"}
    assert len(guarded.token_requests) == 11


def test_a_token_that_lacks_a_repository_is_followed_by_one_of_its_own(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient
) -> None:
    guarded.private.add("web3")
    results = make_client().check(ten)
    missing = results[ten[3]]
    assert isinstance(missing, Failed)
    assert missing.kind is FailureKind.LOGIN_NEEDED
    assert "web3" in missing.problem
    assert sum(isinstance(one, Found) for one in results.values()) == 9


def test_one_private_repository_does_not_spoil_the_others(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient, tmp_path: Path
) -> None:
    def judge(request: TokenRequest) -> Answer | None:
        return Answer(401) if any("web3" in scope for scope in request.scopes) else None

    guarded.judge = judge
    guarded.private.update(one.repository for one in ten)
    results = make_client(credentials=stored(tmp_path, **{guarded.host: LOGIN})).check(ten)
    missing = results[ten[3]]
    assert isinstance(missing, Failed)
    assert missing.kind is FailureKind.LOGIN_REFUSED
    assert sum(isinstance(one, Found) for one in results.values()) == 9


def test_a_bad_login_does_not_stand_in_the_way_of_public_images(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient, tmp_path: Path
) -> None:
    client = make_client(credentials=stored(tmp_path, **{guarded.host: "me:old"}))
    results = client.check(ten)
    assert kinds(results) == {"Found"}
    for one in results.values():
        assert isinstance(one, Found)
        assert "the login of 'me'" in one.warnings[0]
        assert "auth.json" in one.warnings[0]
    assert len(with_login(guarded)) <= 2
    client.check(ten)
    assert resolve(client, ten[0], None, AMD64).config.platform == AMD64
    assert len(with_login(guarded)) <= 2


def test_a_bad_login_for_private_images_is_told(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient, tmp_path: Path
) -> None:
    guarded.private.update(one.repository for one in ten)
    results = make_client(credentials=stored(tmp_path, **{guarded.host: "me:old"})).check(ten)
    assert kinds(results) == {FailureKind.LOGIN_REFUSED}
    assert len(with_login(guarded)) <= 2
    assert all("old" not in repr(result) for result in results.values())


def test_a_login_without_rights_for_a_public_image_is_left_out(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient, tmp_path: Path
) -> None:
    guarded.judge = lambda request: Answer(403) if request.authorization else None
    result = make_client(credentials=stored(tmp_path, **{guarded.host: LOGIN})).check(ten[:1])[ten[0]]
    assert isinstance(result, Found)
    assert result.warnings


def test_a_wrong_basic_password_is_sent_once(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference, tmp_path: Path
) -> None:
    fake.password = LOGIN
    client = make_client(credentials=stored(tmp_path, **{fake.host: "me:old"}))
    assert kinds(client.check([reference(f"web{n}") for n in range(20)])) == {FailureKind.LOGIN_REFUSED}
    assert sum(1 for asked in fake.asked if asked.authorization) == 1


def test_the_scope_that_the_registry_names_is_asked_for_once(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient
) -> None:
    named = (
        f'Bearer realm="{guarded.url}/token",service="x",scope="repository:proxied/web0:pull",'
        'error="insufficient_scope"'
    )
    guarded.when("HEAD", "/manifests/", Answer(401, {"WWW-Authenticate": named}))
    result = make_client().check(ten[:1])[ten[0]]
    assert isinstance(result, Failed)
    asked = [request.scopes for request in guarded.token_requests]
    assert asked.count(("repository:proxied/web0:pull",)) == 1
    assert len(asked) == 2


def test_a_bare_refusal_is_explained_by_the_front_page(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient
) -> None:
    guarded.when("HEAD", "/manifests/", Headers({"WWW-Authenticate": None}))
    assert kinds(make_client().check(ten)) == {"Found"}
    assert guarded.counted("GET", "/v2/$") >= 1


def test_a_revoked_token_is_replaced(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient
) -> None:
    client = make_client()
    client.check(ten)
    guarded.revoke()
    assert kinds(client.check(ten)) == {"Found"}


def test_an_identity_token_is_exchanged_by_post(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient, tmp_path: Path
) -> None:
    guarded.private.update(one.repository for one in ten)
    entry = {"auth": encoded("00000000-0000-0000-0000-000000000000:"), "identitytoken": "long.lived"}
    client = make_client(credentials=stored_entries(tmp_path, {guarded.host: entry}))
    assert kinds(client.check(ten)) == {"Found"}
    (request,) = guarded.token_requests
    assert request.form["grant_type"] == ["refresh_token"]
    assert request.form["refresh_token"] == ["long.lived"]
    assert request.form["service"] == ["Fake Service"]
    assert len(request.scopes) == 10
    assert "long.lived" not in str([asked.query for asked in guarded.asked])


def test_the_login_of_the_namespace_counts(
    guarded: FakeRegistry, make_client: MakeClient, tmp_path: Path
) -> None:
    Pusher(guarded.url, LOGIN)
    guarded.wants_token, guarded.password = False, ""
    Pusher(guarded.url).image("team/web", "latest")
    guarded.wants_token, guarded.password = True, LOGIN
    guarded.private.add("team/web")
    entries = {
        guarded.host: {"auth": encoded("other:wrong")},
        f"{guarded.host}/team": {"auth": encoded(LOGIN)},
    }
    reference = ImageReference.parse(f"{guarded.host}/team/web")
    result = make_client(credentials=stored_entries(tmp_path, entries)).check([reference])[reference]
    assert isinstance(result, Found)
    assert result.warnings == ()


def test_a_login_service_that_is_busy_defers(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient
) -> None:
    guarded.when("GET", "/token", Answer(429, {"Retry-After": "900"}))
    results = make_client().check(ten)
    assert all(isinstance(result, Deferred) for result in results.values())
    assert guarded.counted("GET", "/token") == 1


def test_a_login_service_that_fails_is_named(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient
) -> None:
    for answer in (Answer(500), Answer(200, {}, b"<html>"), Answer(200, {}, b"{}")):
        guarded.when("GET", "/token", answer)
        result: CheckResult = make_client().check(ten[:1])[ten[0]]
        assert isinstance(result, Failed)
        assert "/token" in result.problem


def test_a_login_service_that_hangs_ends_at_the_deadline(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient
) -> None:
    guarded.when("GET", "/token", Hang())
    results = make_client(deadline=1.0).check(ten)
    assert kinds(results) == {FailureKind.UNREACHABLE}


def test_a_file_of_logins_that_is_broken_is_named(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": []}))
    with pytest.raises(ConfigError, match=r"auth\.json: auths: must be a table"):
        CredentialStore.load({"REGISTRY_AUTH_FILE": str(path)}, tmp_path, 0)


def test_a_broken_login_is_named_when_it_is_wanted_and_not_before(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient, tmp_path: Path
) -> None:
    client = make_client(credentials=stored_entries(tmp_path, {guarded.host: {"auth": "%%%"}}))
    result = client.check(ten[:1])[ten[0]]
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.CONFIGURATION
    assert f'auths["{guarded.host}"].auth: must be user:password in base64' in result.problem
    guarded.wants_token, guarded.password = False, ""
    assert kinds(client.check(ten)) == {"Found"}


def test_a_broken_login_of_one_repository_does_not_spoil_the_others(
    guarded: FakeRegistry, ten: list[ImageReference], make_client: MakeClient, tmp_path: Path
) -> None:
    entries = {guarded.host: {"auth": encoded(LOGIN)}, f"{guarded.host}/web3": {"auth": "%%%"}}
    results = dict(make_client(credentials=stored_entries(tmp_path, entries)).check(ten))
    broken = results.pop(ten[3])
    assert isinstance(broken, Failed)
    assert broken.kind is FailureKind.CONFIGURATION
    assert kinds(results) == {"Found"}
    assert max(len(request.scopes) for request in guarded.token_requests) == 9
