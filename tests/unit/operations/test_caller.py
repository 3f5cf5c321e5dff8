"""What somebody typed, as it is typed for the other scope."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.model.machine import Scope
from beacon.operations.caller import Caller
from beacon.systemd.user import ACTING_FOR


@pytest.mark.parametrize(
    ("scope", "typed", "elsewhere"),
    [
        (Scope.USER, "beacon --user status web", "sudo beacon status web"),
        (Scope.SYSTEM, "beacon status --system", "beacon status, without sudo"),
        (Scope.USER, "", None),
    ],
)
def test_a_command_is_typed_otherwise_for_the_other_scope(
    scope: Scope, typed: str, elsewhere: str | None
) -> None:
    assert Caller(0, {}, Path("/"), command=typed).typed_elsewhere(scope) == elsewhere


@pytest.mark.parametrize(
    ("environment", "scope", "called"),
    [
        ({}, Scope.SYSTEM, "systemctl"),
        ({}, Scope.USER, "systemctl --user"),
        ({ACTING_FOR: "ada"}, Scope.USER, "systemctl --user --machine=ada@"),
    ],
)
def test_systemctl_is_called_as_who_asks_has_to(
    environment: dict[str, str], scope: Scope, called: str
) -> None:
    assert Caller(0, environment, Path("/")).systemctl(scope) == called
