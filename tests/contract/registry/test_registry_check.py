"""Checks: few requests, and a clear word on everything that can go wrong."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from beacon.model.image import Platform, ResolvedImage, Wish
from beacon.model.reference import ImageReference
from beacon.registry.client import RegistryClient
from beacon.registry.images import Repository, look_up
from beacon.registry.lanes import Ready
from beacon.registry.results import BudgetError, Deferred, DeferredError, Failed, FailureKind, Found
from beacon.state.limits import KeptLimits
from tests.contract.registry.asking import resolve
from tests.contract.registry.fake import Answer, Body, Drip, FakeRegistry, Hang, Headers
from tests.contract.registry.images import Pusher

MakeClient = Callable[..., RegistryClient]
Reference = Callable[[str], ImageReference]
AMD64 = Platform("linux", "amd64")
HUNG_AT_ONCE = 16
"""Connections to one host."""


def failure(result: object) -> Failed:
    assert isinstance(result, Failed), result
    return result


def test_five_services_on_one_image_make_one_request(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    fake.asked.clear()
    assert make_client().check([reference("web")] * 5) == {reference("web"): Found(made.digest)}
    assert [(asked.method, asked.path) for asked in fake.asked] == [("HEAD", "/v2/web/manifests/latest")]


def test_a_tag_beside_a_digest_costs_no_request_of_its_own(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    fake.asked.clear()
    pinned = [reference(f"web@{made.digest}"), reference(f"web:latest@{made.digest}")]
    assert make_client().check(pinned) == dict.fromkeys(pinned, Found(made.digest))
    assert fake.counted("HEAD") == 1


def test_all_manifest_types_are_accepted_always(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    pusher.image("web", "latest")
    client = make_client()
    client.check([reference("web")])
    resolve(client, reference("web"), None, AMD64)
    for asked in fake.asked:
        if "/manifests/" in asked.path and asked.method in {"HEAD", "GET"}:
            assert len(asked.headers["accept"].split(", ")) == 4
            assert asked.headers["user-agent"].startswith("beacon/")


def test_nothing_is_billed_when_nothing_changed(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    references = [reference(f"web{number}") for number in range(40)]
    for one in references:
        pusher.image(one.repository, "latest")
    fake.asked.clear()
    results = make_client().check(references)
    assert all(isinstance(result, Found) for result in results.values())
    assert tuple(results) == tuple(references)
    assert (fake.counted("HEAD"), fake.counted("GET")) == (40, 0)


def test_connections_are_kept(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    pusher.image("web", "latest")
    fake.delay = 0.05
    references = [reference(f"web:{number}") for number in range(30)]
    started = time.monotonic()
    make_client().check([reference("web"), *references])
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_registry_without_head_is_asked_by_get_from_then_on(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference, status: int
) -> None:
    made = pusher.image("web", "latest")
    fake.asked.clear()
    fake.when("HEAD", "/manifests/", Answer(status))
    client = make_client()
    for _ in range(2):
        assert client.check([reference("web")]) == {reference("web"): Found(made.digest)}
    assert (fake.counted("HEAD"), fake.counted("GET")) == (1, 2)


def test_a_tag_that_appears_between_two_requests_changes_no_habit(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    client = make_client()
    client.check([reference("web")])
    fake.when("HEAD", "/manifests/", Answer(404), times=1)
    fake.asked.clear()
    for _ in range(2):
        assert client.check([reference("web")]) == {reference("web"): Found(made.digest)}
    assert (fake.counted("HEAD"), fake.counted("GET")) == (2, 1)


def test_a_registry_that_names_no_digest_has_its_manifest_hashed(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    fake.when("*", "/manifests/", Headers({"Docker-Content-Digest": None}))
    assert make_client().check([reference("web")]) == {reference("web"): Found(made.digest)}


def test_a_digest_that_is_none_is_not_believed(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    fake.when("HEAD", "/manifests/", Headers({"Docker-Content-Digest": "latest"}))
    assert make_client().check([reference("web")]) == {reference("web"): Found(made.digest)}


def test_a_registry_that_lies_about_the_digest_is_caught(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    lie = f"sha256:{'1' * 64}"
    fake.when("*", "/manifests/", Headers({"Docker-Content-Digest": lie}))
    client = make_client()
    pinned = reference(f"web@{made.digest}")
    result = failure(client.check([pinned])[pinned])
    assert result.kind is FailureKind.UNTRUE
    fake.when("HEAD", "/manifests/", Answer(405))
    result = failure(client.check([reference("web")])[reference("web")])
    assert result.kind is FailureKind.UNTRUE
    assert lie in result.problem


def test_an_error_says_what_the_registry_said(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    pusher.image("web", "latest")
    said = json.dumps({"errors": [{"code": "DENIED", "message": "the quota of this project is used up"}]})
    fake.when("*", "/manifests/", Answer(403, {}, said.encode()))
    result = failure(make_client().check([reference("web")])[reference("web")])
    assert "the quota of this project is used up" in result.problem
    assert result.kind is FailureKind.LOGIN_NEEDED


def test_a_broken_registry_is_a_server_error(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference
) -> None:
    fake.when("HEAD", "/manifests/", Answer(500))
    result = failure(make_client().check([reference("web")])[reference("web")])
    assert result.kind is FailureKind.SERVER_ERROR
    assert "status 500" in result.problem
    assert fake.counted("GET") == 0


def test_a_short_pause_is_waited_for(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    fake.when("HEAD", "/manifests/", Answer(429, {"Retry-After": "1"}), times=1)
    started = time.monotonic()
    assert make_client().check([reference("web")]) == {reference("web"): Found(made.digest)}
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    "value",
    ["3600", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)],
    ids=["seconds", "date"],
)
def test_a_long_pause_defers_the_rest_of_that_host_alone(
    registries: Callable[[], FakeRegistry], make_client: MakeClient, value: str
) -> None:
    busy, idle = registries(), registries()
    made = Pusher(idle.url).image("web", "latest")
    busy.when("*", "/manifests/", Answer(429, {"Retry-After": value}))
    references = [ImageReference.parse(f"{busy.host}/web{number}") for number in range(100)]
    healthy = ImageReference.parse(f"{idle.host}/web")
    client = make_client()
    results = client.check([*references, healthy])
    assert results[healthy] == Found(made.digest)
    for one in references:
        result = results[one]
        assert isinstance(result, Deferred)
        assert result.retry_after is not None
        assert 3000 < result.retry_after <= 3600
        assert busy.host in result.reason
    assert busy.counted("GET") == 0
    assert busy.counted("HEAD") <= 16
    with pytest.raises(DeferredError) as caught:
        resolve(client, references[0], None, AMD64)
    assert caught.value.retry_after is not None
    assert caught.value.hint in {f"try again in about {minutes} min" for minutes in range(50, 61)}


def test_a_long_pause_is_kept_from_one_run_to_the_next(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference, tmp_path: Path
) -> None:
    limits = KeptLimits(tmp_path / "limits.json")
    made = pusher.image("web", "latest")
    fake.when("HEAD", "/manifests/", Answer(429, {"Retry-After": "3600"}), times=1)
    assert isinstance(make_client(limits=limits).check([reference("web")])[reference("web")], Deferred)
    asked = fake.counted("HEAD")
    result = make_client(limits=limits).check([reference("web")])[reference("web")]
    assert isinstance(result, Deferred)
    assert result.when == "in about 60 min"
    assert fake.counted("HEAD") == asked
    limits.forget(fake.host)
    result = make_client(limits=limits).check([reference("web")])[reference("web")]
    assert result == Found(made.digest)


def test_a_pause_is_no_news_because_less_of_it_is_left(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference
) -> None:
    reasons = set()
    for seconds in ("3600", "3300"):
        fake.when("HEAD", "/manifests/", Answer(429, {"Retry-After": seconds}))
        result = make_client().check([reference("web")])[reference("web")]
        assert isinstance(result, Deferred)
        reasons.add(result.reason)
    assert len(reasons) == 1


def test_too_many_requests_without_a_word_on_when_is_deferred_in_the_end(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference
) -> None:
    fake.when("HEAD", "/manifests/", Answer(429))
    result = make_client(deadline=1.0).check([reference("web")])[reference("web")]
    assert isinstance(result, Deferred)


def test_a_host_that_hangs_holds_up_nobody_else(
    registries: Callable[[], FakeRegistry], make_client: MakeClient
) -> None:
    hung, alive = registries(), registries()
    hung.when("*", ".", Hang())
    made = Pusher(alive.url).image("web", "latest")
    silent = [ImageReference.parse(f"{hung.host}/web{number}") for number in range(40)]
    healthy = ImageReference.parse(f"{alive.host}/web")
    started = time.monotonic()
    results = make_client(deadline=1.0).check([*silent, healthy])
    assert time.monotonic() - started < 2.5
    assert results[healthy] == Found(made.digest)
    for one in silent:
        result = failure(results[one])
        assert result.kind is FailureKind.UNREACHABLE
        assert hung.host in result.problem
        assert re.search(r"within (1|0\.\d+) s", result.problem)


def test_a_host_that_hangs_holds_up_no_tags_and_no_images_of_others(
    registries: Callable[[], FakeRegistry], make_client: MakeClient
) -> None:
    """Nor is it asked again by the same run: what it has not told is known to be not told."""
    hung, alive = registries(), registries()
    hung.when("*", ".", Hang())
    made = Pusher(alive.url).image("web", "1.0")
    silent = [ImageReference.parse(f"{hung.host}/web{number}:1.0") for number in range(40)]
    healthy = ImageReference.parse(f"{alive.host}/web:1.0")
    client = make_client(deadline=1.0)
    started = time.monotonic()
    tags = client.tags([*silent, healthy])
    asked = len(hung.asked)
    results = client.check([*silent, healthy])
    images = client.resolve(Wish(one, AMD64) for one in (*silent, healthy))
    assert time.monotonic() - started < 2.5
    assert tags[healthy] == ("1.0",)
    assert results[healthy] == Found(made.digest)
    assert resolve(client, healthy, None, AMD64).digest == made.digest
    for one in silent:
        assert "did not answer within 1 s" in str(tags[one])
        assert "did not answer within 1 s" in failure(results[one]).problem
        assert "did not answer within 1 s" in str(images[Wish(one, AMD64)])
    assert len(hung.asked) == asked <= HUNG_AT_ONCE


def test_a_registry_that_answers_may_take_its_time_for_many_images(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    """The deadline is for a host that keeps silent."""
    references = [reference(f"web{number}") for number in range(60)]
    for one in references:
        pusher.image(one.repository, "latest")
    fake.delay = 0.15
    found = make_client(deadline=1.2).resolve(Wish(one, AMD64) for one in references)
    assert all(isinstance(image, ResolvedImage) for image in found.values())


def test_what_is_the_same_for_a_registry_is_asked_once(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    """Tags of a repository that several services follow by ranges, and an image that has two tags."""
    made = pusher.image("web", "1.0")
    pusher.image("web", "latest")
    fake.asked.clear()
    client = make_client()
    both = [reference("web:1.0"), reference("web:latest")]
    assert set(client.tags(both).values()) == {("1.0", "latest")}
    assert fake.counted("GET", "/tags/") == 1
    found = client.resolve(Wish(one, AMD64, made.digest) for one in both)
    assert [image.digest for image in found.values() if isinstance(image, ResolvedImage)] == [made.digest] * 2
    assert fake.counted("GET", "/manifests/") == 1


def test_what_no_code_foresees_costs_its_own_reference_alone(
    pusher: Pusher, make_client: MakeClient, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pusher.image("web", "latest")
    pusher.image("odd", "latest")

    def stumble(source: Repository, selector: str, ready: Ready) -> Found:
        if source.repository == "odd":
            raise ZeroDivisionError("a bug")
        return look_up(source, selector, ready)

    monkeypatch.setattr("beacon.registry.client.look_up", stumble)
    results = make_client().check([reference("odd"), reference("web")])
    assert results[reference("web")] == Found(made.digest)
    assert "stumbles over: ZeroDivisionError('a bug')" in failure(results[reference("odd")]).problem


@pytest.mark.parametrize("in_head", [True, False], ids=["head", "body"])
def test_an_answer_that_drips_ends_at_the_deadline(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference, *, in_head: bool
) -> None:
    fake.when("GET", "/manifests/", Drip(0.2, in_head=in_head))
    fake.when("HEAD", "/manifests/", Drip(0.2, in_head=True) if in_head else Answer(405))
    client = make_client(deadline=1.0)
    started = time.monotonic()
    result = failure(client.check([reference("web")])[reference("web")])
    assert time.monotonic() - started < 2.0
    assert result.kind is FailureKind.UNREACHABLE
    with pytest.raises(Exception, match="did not answer within"):
        resolve(client, reference("web"), None, AMD64)
    assert time.monotonic() - started < 3.5


def test_nobody_at_home_is_told_at_once(make_client: MakeClient) -> None:
    reference = ImageReference.parse("127.0.0.1:1/web")
    result = failure(make_client().check([reference])[reference])
    assert result.kind is FailureKind.UNREACHABLE
    assert "connection refused" in result.problem


def test_a_name_that_does_not_exist_is_told(make_client: MakeClient) -> None:
    reference = ImageReference.parse("registry.invalid/web")
    result = failure(make_client().check([reference])[reference])
    assert result.kind is FailureKind.UNREACHABLE
    assert "registry.invalid" in result.problem


def test_what_is_left_of_the_pull_limit_is_known_and_kept(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    left = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "4;w=21600"}
    fake.when("*", "/manifests/", Headers(left))
    client = make_client(budget_reserve=5)
    assert client.check([reference("web")]) == {reference("web"): Found(made.digest, remaining=4)}
    fake.asked.clear()
    with pytest.raises(BudgetError, match="only 4 of 100 within 6 h pulls left"):
        resolve(client, reference("web"), made.digest, AMD64)
    assert fake.asked == []
    assert client.check([reference("web")]) == {reference("web"): Found(made.digest, remaining=4)}


def test_a_manifest_that_is_no_manifest_is_an_error(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    pusher.image("web", "latest")
    fake.when("GET", "/manifests/", Body(b"<html>login</html>"))
    with pytest.raises(Exception, match=r"sent something else|not JSON"):
        resolve(make_client(), reference("web"), None, AMD64)
