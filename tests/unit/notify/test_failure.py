"""What is told of a unit of Beacon's own that has failed."""

from __future__ import annotations

import pytest

from beacon.notify.failure import is_reported_otherwise, what_failed


def said(status: str, code: str = "exited", result: str = "exit-code") -> dict[str, str]:
    return {"MONITOR_EXIT_CODE": code, "MONITOR_EXIT_STATUS": status, "MONITOR_SERVICE_RESULT": result}


@pytest.mark.parametrize(
    ("monitored", "outcomes", "notified"),
    [
        (said("20"), (), True),
        (said("69"), (), True),
        (said("1"), ("up_to_date", "failed"), True),
        (said("1"), ("up_to_date",), False),
        (said("78"), ("failed",), False),
        (said("TERM", "killed", "timeout"), ("failed",), False),
        ({}, (), False),
    ],
)
def test_what_became_of_services_is_told_of_each(
    monitored: dict[str, str],
    outcomes: tuple[str, ...],
    notified: bool,  # noqa: FBT001
) -> None:
    assert is_reported_otherwise(monitored, outcomes) is notified


@pytest.mark.parametrize(
    ("monitored", "words"),
    [
        (said("78"), "exit status 78"),
        (said("TERM", "killed", "timeout"), "timeout"),
        ({}, "systemd does not say why"),
    ],
)
def test_it_is_said_how_it_ended(monitored: dict[str, str], words: str) -> None:
    assert f"beacon-update.service has failed: {words}; " in what_failed("beacon-update.service", monitored)
