"""What an image says about itself: the OCI image configuration, as far as Beacon uses it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from beacon.model.reference import Digest, ImageReference


class Platform(Struct, frozen=True, order=True):
    """Operating system, architecture and variant as in the OCI image index (platform property)."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os/architecture[/variant]``; raises ValueError saying what it must be."""
        parts = text.split("/")
        if len(parts) not in {2, 3} or not all(parts):
            raise ValueError(f"must be a platform such as linux/arm64 or linux/arm/v7, not {text!r}")
        return cls(*parts)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class ImageHealth(Struct, frozen=True):
    """HEALTHCHECK of an image (Docker image specification v1.2): *test* starts with CMD or CMD-SHELL.

    Durations are in seconds; None where the image leaves the engine's default.
    """

    test: tuple[str, ...]
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    start_interval: float | None = None
    retries: int | None = None


class ImageConfig(Struct, frozen=True):
    """The configuration of one image for one platform; *image_id* is the digest of its blob."""

    image_id: Digest
    platform: Platform
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()
    """As the image writes them: ``8080/tcp``, sorted."""
    volumes: tuple[str, ...] = ()
    health: ImageHealth | None = None
    stop_signal: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""


class Wish(Struct, frozen=True):
    """An image to look up: *reference* with the tag to follow, for *platform*."""

    reference: ImageReference
    platform: Platform
    digest: Digest | None = None
    """What the tag named at the last look, where that is known."""


class Layer(Struct, frozen=True):
    """A layer of an image: *size* is its compressed bytes, *unpacked* the digest of what they unpack to."""

    digest: Digest
    size: int
    unpacked: Digest | None = None


class ResolvedImage(Struct, frozen=True):
    """An image that a registry was asked for.

    *tag_digest* is what the tag named (an index or a manifest), *digest* the manifest for the wanted
    platform, which a release pins; they are equal where the tag names a manifest.
    """

    tag_digest: Digest
    digest: Digest
    config: ImageConfig
    size: int
    """Compressed bytes of all layers."""
    parts: tuple[Layer, ...] = ()
    """Its layers, the lowest first; none of older Beacons."""
