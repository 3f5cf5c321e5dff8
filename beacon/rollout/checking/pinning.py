"""Images named so that all who use the name get the same: at their versions, for whom they are."""

from __future__ import annotations

from beacon.errors import UsageError
from beacon.model.image import Platform, ResolvedImage, Wish
from beacon.model.reference import ImageReference
from beacon.registry.results import Found, PlatformError
from beacon.rollout.ports import Registry

ARCHITECTURES = ("amd64", "arm64")
VERSION_LABEL = "org.opencontainers.image.version"
LATEST = "latest"


def resolve_each(registry: Registry, reference: ImageReference, here: Platform) -> dict[str, ResolvedImage]:
    """Return the image for each architecture that there is. Raises RegistryError if there is none."""
    wishes = {one: Wish(reference, Platform("linux", one)) for one in ARCHITECTURES}
    wishes.setdefault(here.architecture, Wish(reference, here))
    answers = registry.resolve(wishes.values())
    found = {}
    for architecture, wish in wishes.items():
        answer = answers[wish]
        if isinstance(answer, ResolvedImage):
            if answer.config.platform.architecture == architecture:
                found[architecture] = answer
        elif not isinstance(answer, PlatformError):
            raise answer
    if not found:
        raise UsageError(f"{reference} is neither for {' nor for '.join(wishes)}")
    return found


def pin(registry: Registry, reference: ImageReference, image: ResolvedImage) -> ImageReference:
    """Return *reference* at a version, or by its digest if nothing says which that is."""
    if reference.digest is not None or reference.tag not in {None, LATEST}:
        return reference
    version = image.config.labels.get(VERSION_LABEL, "")
    for tag in dict.fromkeys((version, f"v{version}", version.removeprefix("v"))) if version else ():
        try:
            candidate = ImageReference.parse(f"{reference.name}:{tag}")
        except ValueError:
            continue
        answer = registry.check([candidate])[candidate]
        if isinstance(answer, Found) and answer.digest == image.tag_digest:
            return candidate
    return reference.with_digest(image.tag_digest)
