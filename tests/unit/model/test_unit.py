"""Names of files, taken apart."""

from __future__ import annotations

import pytest

from beacon.model.unit import (
    FileSort,
    UnitFileName,
    is_plain,
    job_of,
    job_timer,
    job_unit,
    service_of_file,
    service_of_unit,
)


@pytest.mark.parametrize("name", ["volume", "network"])
def test_a_service_may_be_called_as_another_sort_of_file(name: str) -> None:
    assert service_of_file(f"beacon-{name}.service") == name
    assert service_of_file(f"beacon-{name}.container") == name
    assert UnitFileName.parse(f"beacon-{name}-{name}.service") == UnitFileName(
        f"beacon-{name}", FileSort(name)
    )


def test_jobs_are_no_services() -> None:
    unit, timer = job_unit("web", "cron"), job_timer("web", "cron")
    assert (unit, timer) == ("beacon-web.job-cron.service", "beacon-web.job-cron.timer")
    assert [one.sort for one in map(UnitFileName.parse, (unit, timer)) if one] == [
        FileSort.JOB,
        FileSort.TIMER,
    ]
    assert [one.files for one in map(UnitFileName.parse, (unit, timer)) if one] == [
        (unit, unit),
        (timer, timer),
    ]
    assert is_plain(unit)
    assert is_plain(timer)
    assert service_of_file(unit) is None
    assert service_of_unit(unit) is None
    assert UnitFileName.parse("beacon-update.timer") is None
    assert job_of(unit) == job_of(timer) == ("web", "cron")
    assert job_of("beacon-web.service") == ("", "")
