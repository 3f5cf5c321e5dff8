"""Which tag of a registry a service with a version range follows, and what is said where none is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from msgspec.structs import replace

from beacon.errors import RegistryError
from beacon.model.reference import ImageReference
from beacon.model.service import UpdatePolicy
from beacon.registry.results import CheckResult
from beacon.rollout.checking.candidates import followed
from tests.fakes.stage import service


class Tags:
    """A registry of which only tags are asked."""

    def __init__(self, *tags: str) -> None:
        self._tags = tags

    def check(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, CheckResult]:
        raise AssertionError(references)

    def resolve(self, wishes: Iterable[object]) -> Mapping[object, object]:
        raise AssertionError(wishes)

    def tags(self, references: Iterable[ImageReference]) -> Mapping[ImageReference, tuple[str, ...]]:
        return dict.fromkeys(references, self._tags)


def ask(tag: str, follow: str, *tags: str) -> ImageReference | Exception:
    one = service(update=UpdatePolicy(follow=follow))
    one = replace(one, image=one.image.with_tag(tag))
    return followed(Tags(*tags), {"web": one})["web"]  # type: ignore[arg-type]  # resolves nothing


def test_the_highest_version_of_the_line_is_followed() -> None:
    found = ask("10.11.3", ">=10.11", "10.11.4", "2021.12.16")
    assert isinstance(found, ImageReference)
    assert found.tag == "10.11.4"


@pytest.mark.parametrize(
    ("tags", "hint"),
    [
        (["2.9"], None),
        (["3.1-alpine"], "3.1-alpine is; but after 2.9 only tags written like it count"),
        (["2021.12.16"], "2021.12.16 is; but after 2.9 only tags written like it count"),
    ],
)
def test_a_hint_speaks_of_variants_and_dates_only_where_one_is_there(
    tags: list[str], hint: str | None
) -> None:
    error = ask("2.9", ">=3", *tags)
    assert isinstance(error, RegistryError)
    assert "has no tag within '>=3'" in str(error)
    assert error.hint is None if hint is None else hint in (error.hint or "")
