"""Names of services."""

from __future__ import annotations

import pytest

from beacon.definition.names import RESERVED, RESERVED_SUFFIXES, validate_name, validate_new_name


@pytest.mark.parametrize("name", ["web", "a", "0", "web-2", "updates", "my-update", "volume", "x" * 48])
def test_these_are_names_of_services(name: str) -> None:
    assert validate_name(name) is None


@pytest.mark.parametrize("name", ["", "Web", "-web", "web-", "we_b", "we.b", "we@b", "we/b", "wéb", "web\n"])
def test_other_characters_are_refused(name: str) -> None:
    assert "a-z, 0-9 and -" in (validate_name(name) or "")


def test_a_name_that_is_too_long_is_refused() -> None:
    assert validate_name("x" * 49) == "a service name must have at most 48 characters, not 49"


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_the_names_of_beacons_own_units_are_refused(name: str) -> None:
    assert f"beacon-{name}.service would be one of Beacon's own" in (validate_name(name) or "")


@pytest.mark.parametrize("suffix", RESERVED_SUFFIXES)
def test_the_suffixes_of_quadlets_units_are_refused(suffix: str) -> None:
    assert "Quadlet gives such names" in (validate_name(f"web{suffix}") or "")


@pytest.mark.parametrize("name", ["backup", "hook-web", "operation-7"])
def test_names_that_were_reserved_later_are_good_only_for_services_that_have_them(name: str) -> None:
    assert validate_name(name) is None
    assert f"beacon-{name}.service would be one of Beacon's own" in (validate_new_name(name) or "")


def test_the_name_of_a_unit_is_none_for_a_new_service() -> None:
    assert validate_name("beacon-web") is None
    assert validate_new_name("beacon-web") == (
        "a service name must not begin with 'beacon-': beacon-web stands for web, by its unit's name"
    )


@pytest.mark.parametrize("name", ["web", "backups", "hook", "my-backup", "beacon", "operation"])
def test_these_are_names_of_new_services(name: str) -> None:
    assert validate_new_name(name) is None


@pytest.mark.parametrize("name", ["Web", "update", "web-volume"])
def test_what_is_no_name_at_all_is_none_for_a_new_service(name: str) -> None:
    assert validate_new_name(name) == validate_name(name) is not None
