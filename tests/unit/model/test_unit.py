"""Names of files, taken apart."""

from __future__ import annotations

import pytest

from beacon.model.unit import FileSort, UnitFileName, service_of_file


@pytest.mark.parametrize("name", ["volume", "network"])
def test_a_service_may_be_called_as_another_sort_of_file(name: str) -> None:
    assert service_of_file(f"beacon-{name}.service") == name
    assert service_of_file(f"beacon-{name}.container") == name
    assert UnitFileName.parse(f"beacon-{name}-{name}.service") == UnitFileName(
        f"beacon-{name}", FileSort(name)
    )
