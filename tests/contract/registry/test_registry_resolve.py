"""Resolving: everything is verified, and the platform's image is found wherever it hides."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from beacon.errors import RegistryError
from beacon.model.image import Platform
from beacon.model.reference import ImageReference
from beacon.registry.client import RegistryClient
from beacon.registry.results import PlatformError, RefusedError
from tests.contract.registry.asking import resolve, tags
from tests.contract.registry.fake import Answer, Body, FakeRegistry
from tests.contract.registry.images import OCI_MANIFEST, Pusher

MakeClient = Callable[..., RegistryClient]
Reference = Callable[[str], ImageReference]
AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")
ARMV7 = Platform("linux", "arm", "v7")


def test_an_index_that_changes_around_the_image_leads_to_the_same_image(
    pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    image = pusher.image("web", "amd64")
    first = pusher.index("web", "latest", {"linux/amd64": image})
    client = make_client()
    before = resolve(client, reference("web"), first.digest, AMD64)
    attestation = pusher.image("web", "attestation", platform="unknown/unknown")
    second = pusher.index("web", "latest", {"unknown/unknown": attestation, "linux/amd64": image})
    after = resolve(client, reference("web"), second.digest, AMD64)
    assert before.tag_digest != after.tag_digest
    assert before.digest == after.digest == image.digest


def test_the_same_digest_is_resolved_once(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    client = make_client()
    first = resolve(client, reference("web"), None, AMD64)
    fake.asked.clear()
    assert resolve(client, reference("web"), made.digest, AMD64) == first
    assert fake.asked == []


def test_an_index_within_an_index_is_looked_into(
    pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    amd64, arm = pusher.image("web", "amd64"), pusher.image("web", "arm", platform="linux/arm/v6")
    inner = pusher.index("web", "inner", {"linux/arm/v6": arm})
    other = pusher.index("web", "other", {"linux/amd64": amd64})
    outer = pusher.index("web", "latest", {"#1": other, "#2": inner})
    found = resolve(make_client(), reference("web"), outer.digest, ARMV7)
    assert found.digest == arm.digest
    with pytest.raises(PlatformError, match="for linux/amd64, linux/arm/v6"):
        resolve(make_client(), reference("web"), outer.digest, ARM64)


def test_indexes_without_end_end(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.index("web", "0", {"#": pusher.index("web", "empty", {})})
    for number in range(1, 10):
        made = pusher.index("web", str(number), {"#": made})
    fake.asked.clear()
    with pytest.raises(PlatformError, match="no platform at all"):
        resolve(make_client(), reference("web:9"), None, AMD64)
    assert fake.counted("GET") <= 5


def test_a_manifest_list_of_docker_is_an_index(
    pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    amd64 = pusher.image("web", "amd64", docker=True)
    arm = pusher.image("web", "arm", platform="linux/arm/v7", docker=True)
    made = pusher.index("web", "latest", {"linux/amd64": amd64, "linux/arm/v7": arm}, docker=True)
    client = make_client()
    result = client.check([reference("web")])[reference("web")]
    assert result.digest == made.digest  # type: ignore[union-attr]
    assert resolve(client, reference("web"), made.digest, ARMV7).digest == arm.digest


def test_an_image_that_claims_another_platform_than_its_index_is_believed_to_the_index(
    pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    mislabelled = pusher.image("web", "arm", platform="linux/amd64")
    pusher.index("web", "latest", {"linux/arm64": mislabelled})
    assert resolve(make_client(), reference("web"), None, ARM64).digest == mislabelled.digest


def test_an_image_for_arm_without_a_variant_runs_on_arm_v7(
    pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest", platform="linux/arm")
    assert resolve(make_client(), reference("web"), None, ARMV7).digest == made.digest


def test_a_manifest_that_was_changed_on_the_way_is_refused(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    other = fake.manifests["web"][pusher.image("web", "other").digest][1]
    fake.when("GET", "/manifests/", Body(other))
    for digest in (made.digest, None):
        with pytest.raises(RefusedError, match="sent something else than"):
            resolve(make_client(), reference("web"), digest, AMD64)


def test_a_configuration_that_was_changed_on_the_way_is_refused(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    pusher.image("web", "latest")
    fake.when("GET", "/blobs/", Body(b"{}"))
    with pytest.raises(RefusedError, match="sent something else than"):
        resolve(make_client(), reference("web"), None, AMD64)


def test_blobs_may_lie_elsewhere_and_the_login_stays_here(
    fake: FakeRegistry,
    registries: Callable[[], FakeRegistry],
    pusher: Pusher,
    make_client: MakeClient,
    reference: Reference,
) -> None:
    pusher.image("web", "latest")
    store = registries()
    for digest, data in fake.blobs.items():
        store.put_blob(data)
        target = f"{store.url}/v2/web/blobs/{digest}?X-Signature=abc"
        fake.when("GET", f"/blobs/{digest}", Answer(307, {"Location": target}))
    fake.wants_token = True
    found = resolve(make_client(), reference("web"), None, AMD64)
    assert found.config.platform == AMD64
    assert [asked.authorization for asked in store.asked] == [""]
    assert any(asked.authorization for asked in fake.asked if "/blobs/" in asked.path)


def test_redirects_within_the_host_keep_the_login(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    made = pusher.image("web", "latest")
    fake.when("GET", "/manifests/latest", Answer(302, {"Location": f"/v2/web/manifests/{made.digest}"}))
    fake.wants_token = True
    assert resolve(make_client(), reference("web"), None, AMD64).digest == made.digest


def test_redirects_without_end_end(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    pusher.image("web", "latest")
    fake.when("*", "/manifests/", Answer(307, {"Location": "/v2/web/manifests/latest"}))
    with pytest.raises(RefusedError, match="more than 8 redirects"):
        resolve(make_client(), reference("web"), None, AMD64)


def test_what_is_no_image_is_told(pusher: Pusher, make_client: MakeClient, reference: Reference) -> None:
    pusher.blob("chart", b"{}")
    digest = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    config = {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest, "size": 2}
    pusher.manifest(
        "chart", "latest", {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    )
    with pytest.raises(RegistryError, match=r"no container image but holds application/vnd\.cncf\.helm"):
        resolve(make_client(), reference("chart"), None, AMD64)


def test_an_answer_without_end_is_cut_off(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference
) -> None:
    pusher.image("web", "latest")
    fake.when("GET", "/manifests/", Body(b" " * (5 << 20)))
    with pytest.raises(RefusedError, match="an answer of more than"):
        resolve(make_client(), reference("web"), None, AMD64)


@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
def test_tags_are_listed_page_by_page(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference, *, absolute: bool
) -> None:
    start = fake.url if absolute else ""
    link = f'<{start}/v2/web/tags/list/2?n=1000>; rel="next"'
    artifact = f"sha256-{'a' * 64}.sig"
    first = f'{{"tags": ["2.0", "", null, "{artifact}", "sha256:{"b" * 64}", "{"c" * 64}"]}}'
    fake.when("GET", "/tags/list$", Answer(200, {"Link": link}, first.encode()))
    fake.when("GET", "/tags/list/2", Answer(200, {}, b'{"tags": ["1.0", "2.0"]}'))
    fake.wants_token = False
    assert tags(make_client(), reference("web")) == ("2.0", "1.0")
    assert fake.asked[0].query == {"n": ["1000"]}


def test_pages_that_go_round_in_circles_end(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference
) -> None:
    link = '</v2/web/tags/list?n=1000>; rel="next"'
    fake.when("GET", "/tags/list", Answer(200, {"Link": link}, b'{"tags": ["1.0"]}'))
    assert tags(make_client(), reference("web")) == ("1.0",)
    assert len(fake.asked) <= 2


@pytest.mark.parametrize("start", ["http://other.example:5000", "https://r.example", "//r.example"])
def test_a_list_goes_on_at_the_registry_under_whatever_name_it_calls_itself(
    fake: FakeRegistry, pusher: Pusher, make_client: MakeClient, reference: Reference, start: str
) -> None:
    pusher.image("web", "2.0")
    fake.wants_token = True
    link = {"Link": f'<{start}/v2/web/tags/list?n=1&last=1.0>; rel="next"'}
    fake.when("GET", "/tags/list", Answer(200, link, b'{"tags": ["1.0"]}'), times=1)
    assert tags(make_client(), reference("web")) == ("1.0", "2.0")
    assert fake.asked[-1].query == {"n": ["1"], "last": ["1.0"]}
    assert fake.asked[-1].authorization


def test_a_repository_without_tags_has_none(
    fake: FakeRegistry, make_client: MakeClient, reference: Reference
) -> None:
    fake.when("GET", "/tags/list", Answer(200, {}, b'{"name": "web", "tags": null}'))
    assert tags(make_client(), reference("web")) == ()
