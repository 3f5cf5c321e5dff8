"""A registry in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from beacon.model.image import ResolvedImage, Wish
from beacon.model.reference import ImageReference
from beacon.registry.results import CheckResult, Found, Resolution


class OneImage:
    """Registries that all hold the same image."""

    def __init__(self, image: ResolvedImage | None) -> None:
        self._image = image

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        assert self._image is not None, "a registry is asked"
        return dict.fromkeys(references, Found(self._image.tag_digest))

    def resolve(self, wishes: Iterable[Wish]) -> Mapping[Wish, Resolution]:
        assert self._image is not None, "a registry is asked"
        return dict.fromkeys(wishes, self._image)

    def tags(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, tuple[str, ...]]:
        raise NotImplementedError(tuple(references))  # none follows a range
