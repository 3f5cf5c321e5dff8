"""Whose service manager a process is pointed at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from beacon.errors import AccessError
from beacon.systemd.user import enter_manager


def test_a_runtime_folder_of_another_user_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()
    theirs = tmp_path
    if os.getuid() == 0:
        os.chown(theirs, 54321, 54321)
    else:
        theirs = Path("/")
    environment = {"XDG_RUNTIME_DIR": str(theirs), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={theirs}/bus"}
    own = f"/run/user/{os.getuid()}"
    try:
        enter_manager(environment)
    except AccessError as error:
        assert f"{own} is not there" in error.message  # noqa: PT017  # it depends on the host
    assert environment["XDG_RUNTIME_DIR"] == own
    assert environment.get("DBUS_SESSION_BUS_ADDRESS") in {None, f"unix:path={own}/bus"}


def test_the_own_one_is_entered(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    enter_manager(environment)
    assert environment == {
        "XDG_RUNTIME_DIR": str(tmp_path),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/bus",
    }


def test_without_a_manager_it_is_said_how_to_have_one(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="no service manager runs"):
        enter_manager({"XDG_RUNTIME_DIR": str(tmp_path)})
