"""Answers that make no sense: each is a failure in words of its own image, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from beacon.model.reference import ImageReference
from beacon.registry.client import RegistryClient
from beacon.registry.results import Failed, FailureKind, Found, RefusedError
from tests.contract.registry.asking import tags
from tests.contract.registry.fake import Answer, FakeRegistry
from tests.contract.registry.images import Pusher

MakeClient = Callable[..., RegistryClient]
Reference = Callable[[str], ImageReference]


@pytest.fixture
def healthy(registries: Callable[[], FakeRegistry]) -> ImageReference:
    """Return an image of a registry that is well."""
    registry = registries()
    Pusher(registry.url).image("web", "latest")
    return ImageReference.parse(f"{registry.host}/web")


def failure(client: RegistryClient, reference: ImageReference, healthy: ImageReference) -> Failed:
    """Return how the one image fails while the other is found."""
    results = client.check([reference, healthy])
    assert isinstance(results[healthy], Found)
    result = results[reference]
    assert isinstance(result, Failed)
    return result


@pytest.mark.parametrize("target", ["https://[registry]/v2/x", "https://registry.example:99999/x"])
def test_a_redirect_to_no_address_is_told(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference, healthy: ImageReference, target: str
) -> None:
    fake.when("*", "/v2/", Answer(307, {"Location": target}))
    result = failure(make_client(), reference("web"), healthy)
    assert result.kind is FailureKind.UNREACHABLE
    assert f"a redirect to '{target}'" in result.problem


@pytest.mark.parametrize("realm", ["https://[registry]/token", "https://registry.example:99999/token"])
def test_a_login_service_at_no_address_is_told(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference, healthy: ImageReference, realm: str
) -> None:
    fake.when("*", "/v2/", Answer(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'}))
    result = failure(make_client(), reference("web"), healthy)
    assert result.kind is FailureKind.ODD
    assert f"'{realm}'" in result.problem
    assert "is no address to log in at" in result.problem


UNREADABLE = {
    "too deep": b"[" * 200_000,
    "good for longer than can be counted": b'{"token": "x", "expires_in": 1' + b"0" * 400 + b"}",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_token_that_cannot_be_read_is_told(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference, healthy: ImageReference, body: bytes
) -> None:
    fake.wants_token = True
    fake.when("GET", "/token", Answer(200, {}, body))
    result = failure(make_client(), reference("web"), healthy)
    assert result.kind is FailureKind.ODD
    assert "gave an unreadable token" in result.problem


HEADERS = {
    "a pause beyond all time": Answer(429, {"Retry-After": "Mon, 01 Jan 2024 00:00:00 +99999999999999999"}),
    "a limit beyond all counting": Answer(500, {"ratelimit-remaining": "1" * 5000}),
}


@pytest.mark.parametrize("answer", HEADERS.values(), ids=HEADERS)
def test_a_header_that_makes_no_sense_is_passed_over(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference, healthy: ImageReference, answer: Answer
) -> None:
    fake.when("*", "/v2/", answer)
    results = make_client(deadline=1.0).check([reference("web"), healthy])
    assert isinstance(results[healthy], Found)
    assert not isinstance(results[reference("web")], Found)


def test_a_list_of_tags_that_goes_on_at_no_address_is_told(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference
) -> None:
    link = {"Link": '<https://[x]/v2/>; rel="next"'}
    fake.when("GET", "/tags/list", Answer(200, link, b'{"tags": ["1.0"]}'))
    with pytest.raises(RefusedError, match=r"go on at 'https://\[x\]/v2/'"):
        tags(make_client(), reference("web"))
