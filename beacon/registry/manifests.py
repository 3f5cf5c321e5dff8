"""Reads indexes, manifests and image configurations (OCI image specification 1.1, Docker image v2s2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from beacon.formats.jsontext import read_json
from beacon.model.configuration import image_config, mapping, normalised, platform_of, text
from beacon.model.image import ImageConfig, Platform
from beacon.model.reference import Digest, ReferenceFaultError, parse_digest

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPT = f"{OCI_INDEX}, {DOCKER_LIST}, {OCI_MANIFEST}, {DOCKER_MANIFEST}"
"""Always all four: without the list types registries answer with some child's digest, or not at all."""

_INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
_ARTIFACT_CONFIGS = ("application/vnd.oci.empty.", "application/vnd.cncf.", "application/vnd.dev.")
_VARIANTS = {"arm": ("v8", "v7", "v6", "v5"), "arm64": ("v8",), "amd64": ("v1",)}
"""From the most capable down (containers/image, pkg/platform); amd64 v1 is every amd64 machine."""


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
    media_type = text(document.get("mediaType")) or content_type.partition(";")[0].strip()
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


def read_config(body: bytes, image_id: Digest) -> ImageConfig:
    """Return the image configuration in *body*; raises UnreadableError."""
    return image_config(_object(body, "configuration"), image_id)


def read_contents(body: bytes) -> tuple[Digest, ...]:
    """Return what the layers unpack to, by the image configuration in *body*: ``rootfs.diff_ids``."""
    listed = mapping(_object(body, "configuration").get("rootfs")).get("diff_ids")
    try:
        return tuple(parse_digest(text(one)) for one in listed) if isinstance(listed, list) else ()
    except ReferenceFaultError:
        return ()


def _object(body: bytes, what: str) -> Mapping[str, object]:
    try:
        document = read_json(body)
    except ValueError as error:
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
    fields = mapping(value)
    try:
        digest = parse_digest(text(fields.get("digest")))
    except ReferenceFaultError:
        return None
    size = fields.get("size")
    platform = platform_of(mapping(fields.get("platform"))) if fields.get("platform") else None
    return Descriptor(digest, text(fields.get("mediaType")), size if isinstance(size, int) else 0, platform)


def _is_attestation(descriptor: Descriptor) -> bool:
    return descriptor.platform is not None and "unknown" in {
        descriptor.platform.os,
        descriptor.platform.architecture,
    }
