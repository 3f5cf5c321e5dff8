"""What a release changes is told in words, and without values that are nobody's business."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from beacon.model.image import ImageConfig
from beacon.model.reference import ImageReference
from beacon.model.release import Release, ReleaseState, Trigger
from beacon.model.service import Endpoint, Port, Protocol, Resources, Secret, Service, Stop, Volume
from beacon.reconcile.changes import changes
from tests.fakes.stage import PLATFORM, digest, service


def release(of: Service, image: str = "1") -> Release:
    return Release(
        number=1,
        service=of,
        reference=of.image,
        tag_digest=digest(f"index {image}"),
        digest=digest(image),
        image=ImageConfig(digest("config"), PLATFORM),
        state=ReleaseState.LIVE,
        trigger=Trigger.ADD,
        created="2026-11-21T12:00:00Z",
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"ports": (Port(80, 8080),)}, {"ports": (Port(80, 8081),)}, "port 8080 → 8081"),
        (
            {"ports": (Port(80, 8080),)},
            {"ports": (Port(80, 8080, "127.0.0.1"),)},
            "port 8080 → 127.0.0.1:8080",
        ),
        (
            {},
            {"ports": (Port(53, 53, protocol=Protocol.UDP),)},
            "port 53→53/udp added",
        ),
        ({"env": {"A": "old"}}, {"env": {"A": "new", "B": "x"}}, "env A changed; env B added"),
        ({"env": {"A": "old"}}, {}, "env A removed"),
        ({"labels": {"a": "1"}}, {"labels": {}}, "label a removed"),
        ({}, {"resources": Resources(memory=512 << 20)}, "resources.memory none → 512M"),
        ({"stop": Stop(10.0)}, {"stop": Stop(20.0)}, "stop.timeout 10s → 20s"),
        (
            {"volumes": (Volume("/data", name="data"),)},
            {"volumes": (Volume("/data", host="/srv"), Volume("/more", name="more"))},
            "volume /data: data → /srv; volume /more (more) added",
        ),
        ({"networks": ("a",)}, {"networks": ("a", "b")}, 'networks ["a"] → ["a", "b"]'),
        (
            {"secrets": (Secret("tok"),)},
            {"secrets": (Secret("tok", env="T"),)},
            "secret tok: as a file → as T",
        ),
        (
            {"endpoints": (Endpoint("a.org", 80, basic_auth=("me:hash",)),)},
            {"endpoints": (Endpoint("a.org", 80, basic_auth=("me:other",)), Endpoint("b.org", 80))},
            "endpoint a.org changed; endpoint b.org (port 80) added",
        ),
        ({}, {"image": ImageReference.parse("registry.example/me/web:2")}, "image "),
    ],
)
def test_a_change_in_words(old: dict[str, Any], new: dict[str, Any], told: str) -> None:
    said = "; ".join(changes(release(service("web", **old)), release(service("web", **new))))
    assert said == told or (told == "image " and said.endswith("→ registry.example/me/web:2"))
    assert "hash" not in said


def test_an_image_of_the_same_tag_and_a_release_that_is_only_written_otherwise() -> None:
    one = release(service())
    (said,) = changes(one, release(service(), "2"))
    assert said.startswith("image ")
    assert changes(one, replace(one, number=2)) == ("files are made in another way by now",)
    assert changes(one, replace(one, private=True)) == ("env is kept from other users",)
