"""What would show a URL."""

from __future__ import annotations

import pytest

from beacon.programs import browsers


@pytest.mark.parametrize(
    ("environment", "commands"),
    [
        ({}, []),
        ({"DISPLAY": ":0"}, [["xdg-open", "%s"]]),
        ({"WAYLAND_DISPLAY": "wayland-0"}, [["xdg-open", "%s"]]),
        ({"BROWSER": "w3m:lynx -url %s"}, [["w3m", "%s"], ["lynx", "-url", "%s"]]),
        ({"BROWSER": "'w3m", "DISPLAY": ":0"}, [["xdg-open", "%s"]]),
    ],
)
def test_a_browser_is_one_that_somebody_can_see(
    environment: dict[str, str], commands: list[list[str]]
) -> None:
    assert list(browsers(environment)) == commands
