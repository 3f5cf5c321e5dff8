"""Services are the same where they mean the same."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.model.reference import ImageReference
from beacon.model.service import Service

WEB = Service("web", ImageReference.parse("ghcr.io/me/web:1"))


def test_what_repeats_a_default_is_the_same_service() -> None:
    said = replace(WEB, given=("read_only",))
    assert said == WEB
    assert not said != WEB  # noqa: SIM202  # which is asked of another method


def test_another_value_is_another_service() -> None:
    other = replace(WEB, read_only=True)
    assert other != WEB
    assert not other == WEB  # noqa: SIM201  # which is asked of another method
