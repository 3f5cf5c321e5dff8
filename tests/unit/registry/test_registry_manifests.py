"""Which image of an index is taken, and what image configurations say, odd ones too."""

from __future__ import annotations

import json

import pytest

from beacon.model.image import ImageHealth, Platform
from beacon.model.reference import Digest
from beacon.registry.manifests import (
    DOCKER_LIST,
    OCI_INDEX,
    Descriptor,
    Index,
    Manifest,
    UnreadableError,
    acceptable,
    choose,
    digest_of,
    is_body_of,
    nested,
    platforms,
    read_config,
    read_manifest,
    suits,
)

ID = Digest(f"sha256:{'f' * 64}")


def digest(number: int) -> Digest:
    return Digest(f"sha256:{number:064x}")


def index_of(*names: str) -> Index:
    """Return an index of which entry N is for the platform N; "" is an entry without one."""
    return Index(
        tuple(
            Descriptor(digest(number), platform=Platform.parse(name) if name else None)
            for number, name in enumerate(names)
        )
    )


CHOICES = {
    "the same": ("linux/amd64", ["linux/arm64", "linux/amd64"], 1),
    "another system does not do": ("linux/amd64", ["windows/amd64"], None),
    "the best variant that runs": ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v8"], 1),
    "the own variant before lesser ones": ("linux/arm/v7", ["linux/arm/v6", "linux/arm/v7"], 1),
    "no variant when no other runs": ("linux/arm/v6", ["linux/arm/v7", "linux/arm"], 1),
    "a variant that is too new does not do": ("linux/arm/v6", ["linux/arm/v7"], None),
    "arm64 is arm64 v8": ("linux/arm64", ["linux/amd64", "linux/arm64/v8"], 1),
    "arm64 v8 is arm64": ("linux/arm64/v8", ["linux/amd64", "linux/arm64"], 1),
    "arm64 does not run on arm": ("linux/arm/v7", ["linux/arm64/v8"], None),
    "no variant is wanted: none before any": ("linux/arm", ["linux/arm/v7", "linux/arm"], 1),
    "no variant is wanted: any before nothing": ("linux/arm", ["linux/arm/v6"], 0),
    "amd64 v1 is amd64": ("linux/amd64", ["linux/amd64/v1"], 0),
    "amd64 v3 is not every amd64": ("linux/amd64", ["linux/amd64/v3"], None),
    "an unknown variant falls back to none": ("linux/riscv64/rva23", ["linux/riscv64"], 0),
    "other words for the same": ("linux/amd64", ["linux/x86_64"], 0),
    "attestations are skipped": ("linux/amd64", ["unknown/unknown", "linux/amd64"], 1),
    "only attestations": ("linux/amd64", ["unknown/unknown"], None),
    "an entry for everybody comes last": ("linux/amd64", ["", "linux/amd64"], 1),
    "an entry for everybody is better than none": ("linux/amd64", ["linux/arm64", ""], 1),
    "the first of two": ("linux/amd64", ["linux/amd64", "linux/amd64"], 0),
    "nothing": ("linux/amd64", [], None),
}


@pytest.mark.parametrize(("wanted", "offered", "expected"), CHOICES.values(), ids=CHOICES)
def test_the_image_for_the_platform_is_chosen(wanted: str, offered: list[str], expected: int | None) -> None:
    chosen = choose(index_of(*offered), Platform.parse(wanted))
    assert (chosen.digest if chosen else None) == (None if expected is None else digest(expected))


SUITS = {
    "the same": ("linux/amd64", "linux/amd64", True),
    "another": ("linux/amd64", "linux/arm64", False),
    "arm without a variant, as old images say it": ("linux/arm", "linux/arm/v7", True),
    "arm v7 on v6": ("linux/arm/v7", "linux/arm/v6", False),
    "arm64 v8": ("linux/arm64/v8", "linux/arm64", True),
    "aarch64": ("linux/aarch64", "linux/arm64", True),
}


@pytest.mark.parametrize(("offered", "wanted", "expected"), SUITS.values(), ids=SUITS)
def test_whether_an_image_runs_on_a_platform(offered: str, wanted: str, *, expected: bool) -> None:
    assert suits(Platform.parse(offered), Platform.parse(wanted)) is expected


def test_an_image_that_claims_no_platform_is_believed() -> None:
    assert suits(Platform("", ""), Platform("linux", "arm64"))


def test_variants_are_tried_from_the_best_down() -> None:
    assert [one.variant for one in acceptable(Platform("linux", "arm", "v7"))] == ["v7", "v6", "v5", ""]
    assert [one.variant for one in acceptable(Platform("linux", "arm"))] == ["", "v8", "v7", "v6", "v5"]
    assert [one.variant for one in acceptable(Platform("linux", "arm", "7"))] == ["v7", "v6", "v5", ""]


def test_what_an_index_offers_leaves_attestations_out() -> None:
    offered = platforms(index_of("linux/arm64", "unknown/unknown", "linux/amd64", ""))
    assert [str(one) for one in offered] == ["linux/amd64", "linux/arm64"]


def test_indexes_within_are_those_that_do_not_say_for_whom() -> None:
    inner = Descriptor(digest(1), OCI_INDEX)
    labelled = Descriptor(digest(2), DOCKER_LIST, platform=Platform("linux", "amd64"))
    assert nested(Index((Descriptor(digest(0)), inner, labelled))) == (inner,)


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(1), "size": 7}


def test_an_index_is_known_by_its_media_type_or_its_content() -> None:
    entries = [{"digest": digest(1), "platform": {"os": "linux", "architecture": "amd64"}}, {"digest": "x"}]
    for media_type, content_type in (("", OCI_INDEX), (DOCKER_LIST, ""), ("", "")):
        document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
        index = read_manifest(encoded(document), f"{content_type}; charset=utf-8")
        assert isinstance(index, Index)
        assert index.manifests == (Descriptor(digest(1), platform=Platform("linux", "amd64")),)


def test_a_manifest_names_its_configuration_and_layers() -> None:
    layer = {"digest": digest(2), "size": 12}
    manifest = read_manifest(encoded({"schemaVersion": 2, "config": CONFIG, "layers": [layer]}))
    assert isinstance(manifest, Manifest)
    assert manifest.config.digest == digest(1)
    assert [(one.digest, one.size) for one in manifest.layers] == [(digest(2), 12)]


UNREADABLE = {
    "no JSON": (b"<html>", "that is not JSON"),
    "no text": (b"\xff\xfe\x00", "that is not JSON"),
    "too deep": (b"[" * 100_000, "that is not JSON"),
    "no object": (b"[]", "no JSON object"),
    "schema 1": (encoded({"schemaVersion": 1, "fsLayers": []}), "old schema 1"),
    "no configuration": (encoded({"schemaVersion": 2, "layers": []}), "names no configuration"),
    "a signature": (
        encoded({"config": {**CONFIG, "mediaType": "application/vnd.dev.cosign.artifact"}}),
        "is no container image but holds application/vnd.dev.cosign.artifact",
    ),
}


@pytest.mark.parametrize(("body", "problem"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_image_is_said_to_be_what_it_is(body: bytes, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        read_manifest(body)


def test_digests_are_compared_by_the_algorithm_that_they_name() -> None:
    for algorithm in ("sha256", "sha512"):
        assert is_body_of(b"x", digest_of(b"x", algorithm))
        assert not is_body_of(b"y", digest_of(b"x", algorithm))


def test_a_whole_configuration_is_read() -> None:
    document = {
        "os": "linux",
        "architecture": "arm",
        "variant": "v7",
        "config": {
            "Entrypoint": ["/entry"],
            "Cmd": ["serve", "--port=80"],
            "Env": ["PATH=/bin", "EQUALS=a=b", "EMPTY="],
            "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
            "Volumes": {"/data": {}, "/cache": {}},
            "Healthcheck": {
                "Test": ["CMD", "check"],
                "Interval": 30_000_000_000,
                "Timeout": 1_500_000_000,
                "StartPeriod": 5_000_000_000,
                "StartInterval": 1_000_000_000,
                "Retries": 3,
            },
            "StopSignal": "SIGQUIT",
            "Labels": {"io.beacon.port": "8080"},
            "User": "1000:1000",
            "WorkingDir": "/app",
        },
    }
    config = read_config(encoded(document), ID)
    assert config.image_id == ID
    assert config.platform == Platform("linux", "arm", "v7")
    assert config.entrypoint == ("/entry",)
    assert config.command == ("serve", "--port=80")
    assert config.env == {"PATH": "/bin", "EQUALS": "a=b", "EMPTY": ""}
    assert config.exposed_ports == ("53/udp", "8080/tcp")
    assert config.volumes == ("/cache", "/data")
    assert config.health == ImageHealth(("CMD", "check"), 30.0, 1.5, 5.0, 1.0, 3)
    assert (config.stop_signal, config.user, config.workdir) == ("SIGQUIT", "1000:1000", "/app")
    assert config.labels == {"io.beacon.port": "8080"}


ODD = {
    "nothing at all": ({}, "command", ()),
    "null for everything": ({"Entrypoint": None, "Cmd": None, "Env": None}, "env", {}),
    "a string for a list": ({"Entrypoint": "/entry"}, "entrypoint", ("/entry",)),
    "an empty string for a list": ({"Cmd": ""}, "command", ()),
    "a variable without a value": ({"Env": ["ONLY", "=x", "A=1"]}, "env", {"ONLY": "", "A": "1"}),
    "the same variable twice": ({"Env": ["A=1", "A=2"]}, "env", {"A": "2"}),
    "a port without a protocol": ({"ExposedPorts": {"80": {}}}, "exposed_ports", ("80/tcp",)),
    "a protocol in capitals": ({"ExposedPorts": {"80/TCP": {}}}, "exposed_ports", ("80/tcp",)),
    "ports as a list": ({"ExposedPorts": ["80/tcp", "80/tcp"]}, "exposed_ports", ("80/tcp",)),
    "null for ports": ({"ExposedPorts": None}, "exposed_ports", ()),
    "volumes as a list": ({"Volumes": ["/data"]}, "volumes", ("/data",)),
    "an empty volume": ({"Volumes": {"": {}}}, "volumes", ()),
    "a label that is null": ({"Labels": {"a": None, "b": "1"}}, "labels", {"a": "", "b": "1"}),
    "a number as the user": ({"User": 1000}, "user", "1000"),
    "an empty stop signal": ({"StopSignal": ""}, "stop_signal", None),
    "a stop signal by number": ({"StopSignal": "15"}, "stop_signal", "15"),
    "a health check switched off": ({"Healthcheck": {"Test": ["NONE"]}}, "health", None),
    "a health check that only sets a pace": ({"Healthcheck": {"Interval": 5}}, "health", None),
    "an empty health check": ({"Healthcheck": {"Test": []}}, "health", None),
    "a health check of a shell": (
        {"Healthcheck": {"Test": ["CMD-SHELL", "curl -f localhost"], "Interval": 0, "Retries": 0}},
        "health",
        ImageHealth(("CMD-SHELL", "curl -f localhost")),
    ),
    "a health check without end": (
        {"Healthcheck": {"Test": "exit 0", "Interval": 10**400, "Timeout": float("nan")}},
        "health",
        ImageHealth(("CMD-SHELL", "exit 0")),
    ),
    "a health check as a string": (
        {"Healthcheck": {"Test": "exit 0"}},
        "health",
        ImageHealth(("CMD-SHELL", "exit 0")),
    ),
    "no settings but a list": ([], "env", {}),
    "null for the settings": (None, "env", {}),
}


@pytest.mark.parametrize(("settings", "name", "expected"), ODD.values(), ids=ODD)
def test_odd_configurations_are_understood(settings: object, name: str, expected: object) -> None:
    config = read_config(encoded({"os": "linux", "architecture": "amd64", "config": settings}), ID)
    assert getattr(config, name) == expected
