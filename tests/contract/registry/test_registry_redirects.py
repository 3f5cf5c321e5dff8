"""Redirects: a login stays with the host that it is for, whatever the registry leads to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from beacon.model.image import Platform
from beacon.model.reference import ImageReference
from beacon.registry.client import RegistryClient
from beacon.registry.results import Failed, FailureKind, RefusedError
from tests.contract.registry.asking import resolve
from tests.contract.registry.fake import Answer, FakeRegistry, Headers
from tests.contract.registry.images import Pusher
from tests.contract.registry.logins import encoded, stored, stored_entries

MakeClient = Callable[..., RegistryClient]
Reference = Callable[[str], ImageReference]
AMD64 = Platform("linux", "amd64")
LOGIN = "me:secret"


@pytest.fixture
def other(registries: Callable[[], FakeRegistry]) -> FakeRegistry:
    """Return a host that the registry leads to, and that gives a token to anybody who asks it."""
    other = registries()
    other.when("GET", "/steal", Answer(200, {}, b'{"token": "t"}'))
    return other


@pytest.fixture
def client(fake: FakeRegistry, make_client: MakeClient, tmp_path: Path) -> RegistryClient:
    """Return a client with a login for the registry."""
    return make_client(credentials=stored(tmp_path, **{fake.host: LOGIN}))


def challenges(other: FakeRegistry) -> dict[str, str]:
    return {"Bearer": f'Bearer realm="{other.url}/steal",service="s"', "Basic": 'Basic realm="r"'}


def sent_to(*hosts: FakeRegistry) -> list[str]:
    return [asked.authorization for host in hosts for asked in host.asked if asked.authorization]


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_a_host_that_the_registry_leads_to_does_not_say_where_the_login_goes(
    fake: FakeRegistry, other: FakeRegistry, client: RegistryClient, reference: Reference, scheme: str
) -> None:
    fake.when("*", "/v2/", Answer(307, {"Location": f"{other.url}/cdn/x"}))
    other.when("*", "/cdn/", Answer(401, {"WWW-Authenticate": challenges(other)[scheme]}))
    result = client.check([reference("web")])[reference("web")]
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ODD
    assert f"registry '{fake.host}' leads to '{other.url}', which wants a login of its own" in result.problem
    assert sent_to(fake, other) == []


def test_a_blob_elsewhere_that_wants_a_login_costs_the_registry_none_of_its_own(
    fake: FakeRegistry, other: FakeRegistry, pusher: Pusher, client: RegistryClient, reference: Reference
) -> None:
    pusher.image("web", "latest")
    fake.wants_token, fake.password = True, LOGIN
    fake.private.add("web")
    fake.when("GET", "/blobs/", Answer(307, {"Location": f"{other.url}/cdn/x"}), times=1)
    other.when("*", "/cdn/", Answer(401, {"WWW-Authenticate": challenges(other)["Bearer"]}))
    with pytest.raises(RefusedError, match="which wants a login of its own"):
        resolve(client, reference("web"), None, AMD64)
    assert resolve(client, reference("web"), None, AMD64).config.platform == AMD64
    assert client.check([reference("web")])[reference("web")].warnings == ()  # type: ignore[union-attr]
    assert sent_to(other) == []


def test_a_front_page_elsewhere_does_not_say_where_the_login_goes(
    fake: FakeRegistry, other: FakeRegistry, client: RegistryClient, reference: Reference
) -> None:
    fake.wants_token = True
    fake.when("*", "/manifests/", Headers({"WWW-Authenticate": None}))
    fake.when("GET", "/v2/$", Answer(307, {"Location": f"{other.url}/front"}))
    other.when("GET", "/front", Answer(401, {"WWW-Authenticate": challenges(other)["Bearer"]}))
    assert isinstance(client.check([reference("web")])[reference("web")], Failed)
    assert sent_to(fake, other) == []


@pytest.fixture
def refreshing(fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, tmp_path: Path) -> RegistryClient:
    """Return a client that posts an identity token to the login service of the registry."""
    pusher.image("web", "latest")
    fake.wants_token = True
    entry = {"auth": encoded("me:"), "identitytoken": "long.lived"}
    return make_client(credentials=stored_entries(tmp_path, {fake.host: entry}))


@pytest.mark.parametrize("status", [302, 303, 307, 308])
def test_an_identity_token_is_posted_to_no_other_host(
    fake: FakeRegistry, other: FakeRegistry, refreshing: RegistryClient, reference: Reference, status: int
) -> None:
    fake.when("POST", "/token", Answer(status, {"Location": f"{other.url}/steal"}))
    result = refreshing.check([reference("web")])[reference("web")]
    assert isinstance(result, Failed)
    assert f"a redirect of the login to '{other.host}'" in result.problem
    assert other.asked == []


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST")])
def test_what_is_posted_is_posted_again_where_the_status_says_so_alone(
    fake: FakeRegistry, refreshing: RegistryClient, reference: Reference, status: int, method: str
) -> None:
    fake.when("POST", "/token$", Answer(status, {"Location": "/token/other"}))
    fake.when("*", "/token/other", Answer(200, {}, b'{"token": "t"}'))
    refreshing.check([reference("web")])
    (asked,) = (one for one in fake.asked if one.path == "/token/other")
    assert asked.method == method
    assert (b"long.lived" in asked.body) is (method == "POST")
    assert ("content-type" in asked.headers) is (method == "POST")
