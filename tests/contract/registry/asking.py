"""Asking a client for one thing."""

from __future__ import annotations

from beacon.errors import BeaconError
from beacon.model.image import Platform, ResolvedImage, Wish
from beacon.model.reference import Digest, ImageReference
from beacon.registry.client import RegistryClient


def resolve(
    client: RegistryClient, reference: ImageReference, digest: Digest | None, platform: Platform
) -> ResolvedImage:
    """Return one image; raises what keeps it from being had."""
    (answer,) = client.resolve([Wish(reference, platform, digest)]).values()
    if isinstance(answer, BeaconError):
        raise answer
    return answer


def tags(client: RegistryClient, reference: ImageReference) -> tuple[str, ...]:
    """Return the tags of one repository; raises what keeps them from being told."""
    (answer,) = client.tags([reference]).values()
    if isinstance(answer, BeaconError):
        raise answer
    return answer
