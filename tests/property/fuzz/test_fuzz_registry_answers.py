"""What registries, engines and login helpers answer: it is understood, or refused as unreadable."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon.formats.jsontext import read_json
from beacon.model.image import Platform
from beacon.model.reference import Digest, ImageReference
from beacon.model.version import Version, VersionRange
from beacon.registry.headers import next_link, parse_budget, parse_challenges, retry_after
from beacon.registry.manifests import Index, UnreadableError, choose, platforms, read_config, read_manifest
from beacon.registry.tokens import detail_of
from tests.property.fuzz.strange import DOCUMENTS, LONG, TEXTS, as_json, deep, tables

DIGEST = Digest("sha256:" + "0" * 64)
MANIFEST = ["schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size", "platform", "os"]
CONFIG = [
    *(
        "os",
        "architecture",
        "variant",
        "config",
        "Env",
        "Cmd",
        "Entrypoint",
        "ExposedPorts",
        "Volumes",
        "Labels",
    ),
    *("Healthcheck", "Test", "Interval", "Retries", "StopSignal", "User", "WorkingDir"),
]


def nested(keys: list[str]) -> st.SearchStrategy[object]:
    """Return documents whose keys are *keys* at every depth."""
    return st.recursive(
        DOCUMENTS, lambda inner: st.lists(inner, max_size=3) | tables(keys, inner), max_leaves=6
    )


@settings(max_examples=300)
@given(tables(MANIFEST, nested(MANIFEST)).map(as_json).map(str.encode) | st.binary())
def test_a_manifest_is_read_or_unreadable(body: bytes) -> None:
    with suppress(UnreadableError):
        found = read_manifest(body)
        if isinstance(found, Index):
            choose(found, Platform("linux", "amd64"))
            assert all(isinstance(str(platform), str) for platform in platforms(found))


@settings(max_examples=300)
@given(tables(CONFIG, nested(CONFIG)).map(as_json).map(str.encode) | st.binary())
def test_a_configuration_is_read_or_unreadable(body: bytes) -> None:
    with suppress(UnreadableError):
        msgspec.json.encode(read_config(body, DIGEST))  # a release remembers it
        detail_of(body)


@pytest.mark.parametrize("body", [deep("["), deep('{"a":'), LONG, '{"os": "\\ud800"}', '"\\udfff"', "\xff"])
def test_what_is_no_answer_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableError):
        read_config(body.encode("latin-1"), DIGEST)
    detail_of(body.encode("latin-1"))


@given(st.text(st.characters(codec=None)))
def test_json_is_text_or_refused(text: str) -> None:
    with suppress(ValueError):
        read_json(json.dumps(text)).encode()


def test_a_whole_pair_is_text() -> None:
    assert read_json('"\\ud83d\\ude00"') == "\U0001f600"


def test_a_check_count_that_no_engine_takes_is_left_out() -> None:
    test = {"Test": ["CMD", "true"], "Retries": 10**100}
    found = read_config(json.dumps({"config": {"Healthcheck": test}}).encode(), DIGEST)
    assert found.health is not None
    assert found.health.retries is None


@settings(max_examples=300)
@given(TEXTS)
def test_headers_are_read_whatever_they_hold(value: str) -> None:
    parse_challenges(value)
    next_link(value)
    retry_after(value, datetime(2026, 1, 1, tzinfo=UTC))
    parse_budget({"ratelimit-remaining": value, "ratelimit-limit": value})


@settings(max_examples=500)
@given(TEXTS, TEXTS, st.lists(TEXTS | st.from_regex(r"\A[v0-9.x*-]{1,30}\Z"), max_size=4))
def test_references_and_ranges_are_read_or_refused(reference: str, wanted: str, tags: list[str]) -> None:
    with suppress(ValueError):
        str(ImageReference.parse(reference)).encode()
    for tag in tags:
        Version.parse(tag)
        with suppress(ValueError):
            VersionRange.parse(tag).ranked(tags, "1.0")
    with suppress(ValueError):
        VersionRange.parse(wanted).ranked(tags, wanted)
