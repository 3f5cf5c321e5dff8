"""Reads indexes, manifests and image configurations (OCI image specification 1.1, Docker image v2s2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from beacon.model.image import ImageConfig, ImageHealth, Platform
from beacon.model.reference import Digest, ReferenceFaultError, parse_digest

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPT = f"{OCI_INDEX}, {DOCKER_LIST}, {OCI_MANIFEST}, {DOCKER_MANIFEST}"
"""Always all four: without the list types registries answer with some child's digest, or not at all."""

_INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
_ARTIFACT_CONFIGS = ("application/vnd.oci.empty.", "application/vnd.cncf.", "application/vnd.dev.")
_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
_VARIANTS = {"arm": ("v8", "v7", "v6", "v5"), "arm64": ("v8",), "amd64": ("v1",)}
"""From the most capable down (containers/image, pkg/platform); amd64 v1 is every amd64 machine."""
_NANOSECONDS = 1_000_000_000
_LONGEST = 1 << 63
"""Go's time.Duration, in which images give times, ends here."""


class UnreadableError(ValueError):
    """A document that cannot be used; str() says what it is instead of an image."""


class Descriptor(NamedTuple):
    """A pointer to content, as an index or a manifest holds it."""

    digest: Digest
    media_type: str = ""
    size: int = 0
    platform: Platform | None = None

    @property
    def is_index(self) -> bool:
        """Whether it points to another index."""
        return self.media_type in _INDEXES


class Index(NamedTuple):
    """An image index or manifest list."""

    manifests: tuple[Descriptor, ...]


class Manifest(NamedTuple):
    """The manifest of one image for one platform."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


def digest_of(body: bytes, algorithm: str = "sha256") -> Digest:
    """Return the digest of *body*."""
    return Digest(f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}")


def is_body_of(body: bytes, digest: Digest) -> bool:
    """Say whether *digest* is the digest of *body*, by whichever algorithm it names."""
    return digest_of(body, digest.partition(":")[0]) == digest


def read_manifest(body: bytes, content_type: str = "") -> Index | Manifest:
    """Return the index or manifest in *body*; raises UnreadableError."""
    document = _object(body, "manifest")
    media_type = _text(document.get("mediaType")) or content_type.partition(";")[0].strip()
    if document.get("schemaVersion") == 1:
        raise UnreadableError(
            "has a manifest of the old schema 1, which engines no longer run; push it again"
        )
    if media_type in _INDEXES or ("manifests" in document and "layers" not in document):
        return Index(tuple(_descriptors(document.get("manifests"))))
    config = _descriptor(document.get("config"))
    if config is None:
        raise UnreadableError("has a manifest that names no configuration")
    if config.media_type.startswith(_ARTIFACT_CONFIGS):
        raise UnreadableError(f"is no container image but holds {config.media_type}")
    return Manifest(config, tuple(_descriptors(document.get("layers"))))


def choose(index: Index, wanted: Platform) -> Descriptor | None:
    """Return the entry of *index* for *wanted*, as the engines choose it, or None.

    Entries without a platform come last: they may hold an index with the one that is wanted.
    """
    candidates = [one for one in index.manifests if not _is_attestation(one)]
    for platform in acceptable(wanted):
        for one in candidates:
            if one.platform is not None and normalised(one.platform) == platform:
                return one
    return next((one for one in candidates if one.platform is None), None)


def nested(index: Index) -> tuple[Descriptor, ...]:
    """Return the indexes within *index* that do not say what they are for."""
    return tuple(one for one in index.manifests if one.is_index and one.platform is None)


def platforms(index: Index) -> tuple[Platform, ...]:
    """Return what *index* offers, sorted."""
    return tuple(
        sorted({one.platform for one in index.manifests if one.platform and not _is_attestation(one)})
    )


def acceptable(wanted: Platform) -> tuple[Platform, ...]:
    """Return the platforms that run on *wanted*, best first."""
    wanted = normalised(wanted)
    known = _VARIANTS.get(wanted.architecture, ())
    if not wanted.variant:
        variants: tuple[str, ...] = ("", *known)
    elif wanted.variant in known:
        variants = (*known[known.index(wanted.variant) :], "")
    else:
        variants = (wanted.variant, "")
    return tuple(Platform(wanted.os, wanted.architecture, variant) for variant in variants)


def suits(offered: Platform, wanted: Platform) -> bool:
    """Say whether an image that claims *offered* may run on *wanted*; a claim of nothing is believed."""
    offered = normalised(offered)
    return not offered.architecture or offered in acceptable(wanted)


def normalised(platform: Platform) -> Platform:
    """Return *platform* in the words of the specification: x86_64 is amd64, arm 7 is arm v7."""
    system, architecture = platform.os.lower() or "linux", platform.architecture.lower()
    variant = platform.variant.lower()
    if variant.isdigit():
        variant = f"v{variant}"
    if architecture == "armhf" and not variant:
        variant = "v7"
    return Platform(system, _ARCHITECTURES.get(architecture, architecture), variant)


def read_config(body: bytes, image_id: Digest) -> ImageConfig:
    """Return the image configuration in *body*; raises UnreadableError.

    Images in the wild hold null, a string for a list and the like: what can be understood is.
    """
    document = _object(body, "configuration")
    settings = _mapping(document.get("config"))
    return ImageConfig(
        image_id=image_id,
        platform=normalised(_platform(document)),
        entrypoint=_words(settings.get("Entrypoint")),
        command=_words(settings.get("Cmd")),
        env=dict(_assignments(_words(settings.get("Env")))),
        exposed_ports=tuple(sorted(_ports(settings.get("ExposedPorts")))),
        volumes=tuple(sorted(_keys(settings.get("Volumes")))),
        health=_health(_mapping(settings.get("Healthcheck"))),
        stop_signal=_text(settings.get("StopSignal")) or None,
        labels={key: _text(value) for key, value in _mapping(settings.get("Labels")).items()},
        user=_text(settings.get("User")),
        workdir=_text(settings.get("WorkingDir")),
    )


def _object(body: bytes, what: str) -> Mapping[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"has a {what} that is not JSON") from error
    if not isinstance(document, dict):
        raise UnreadableError(f"has a {what} that is no JSON object")
    return document


def _descriptors(value: object) -> Iterator[Descriptor]:
    for item in value if isinstance(value, list) else ():
        descriptor = _descriptor(item)
        if descriptor is not None:
            yield descriptor


def _descriptor(value: object) -> Descriptor | None:
    fields = _mapping(value)
    try:
        digest = parse_digest(_text(fields.get("digest")))
    except ReferenceFaultError:
        return None
    size = fields.get("size")
    platform = _platform(_mapping(fields.get("platform"))) if fields.get("platform") else None
    return Descriptor(digest, _text(fields.get("mediaType")), size if isinstance(size, int) else 0, platform)


def _platform(fields: Mapping[str, object]) -> Platform:
    return Platform(_text(fields.get("os")), _text(fields.get("architecture")), _text(fields.get("variant")))


def _is_attestation(descriptor: Descriptor) -> bool:
    return descriptor.platform is not None and "unknown" in {
        descriptor.platform.os,
        descriptor.platform.architecture,
    }


def _health(fields: Mapping[str, object]) -> ImageHealth | None:
    test = fields.get("Test")
    words = ("CMD-SHELL", test) if isinstance(test, str) and test else _words(test)
    if len(words) < 2 or words[0] not in {"CMD", "CMD-SHELL"}:  # noqa: PLR2004  # a kind and a command
        return None
    retries = fields.get("Retries")
    return ImageHealth(
        test=words,
        interval=_seconds(fields.get("Interval")),
        timeout=_seconds(fields.get("Timeout")),
        start_period=_seconds(fields.get("StartPeriod")),
        start_interval=_seconds(fields.get("StartInterval")),
        retries=retries if isinstance(retries, int) and retries > 0 else None,
    )


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < _LONGEST:
        return None
    return value / _NANOSECONDS


def _assignments(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, _, value = word.partition("=")
        if name:
            yield name, value


def _ports(value: object) -> Iterator[str]:
    for key in _keys(value):
        port, _, protocol = key.partition("/")
        yield f"{port}/{protocol.lower() or 'tcp'}"


def _keys(value: object) -> Iterator[str]:
    """Yield the members of a set, which is an object with empty values, or in old images a list."""
    members = value if isinstance(value, dict | list) else ()
    yield from (key for key in dict.fromkeys(map(_text, members)) if key)


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(map(_text, value)) if isinstance(value, list) else ()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value)
