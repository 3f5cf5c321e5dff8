"""A private environment is there before the unit that needs it, and until systemd knows the next one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from beacon.model.unit import MARK, environment_files, is_environment, is_plain
from beacon.state.files import UnitDirectory, is_private, rewrite
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import tools

OLD, NEW = "beacon-web.container.1.env", "beacon-web.container.2.env"


@pytest.mark.parametrize("unit", ["beacon-web.container", "beacon-web.service"])
def test_order_around_the_reload(unit: str) -> None:
    machine = FakeMachine(files={OLD: "A=1\n", unit: "old"})
    tools(machine).put_files({OLD: None, unit: "new", NEW: "A=2\n", "beacon-gone.container": None})
    assert machine.effects == [f"put {NEW}", f"put {unit}", "reload", f"put {OLD}"]


def test_names() -> None:
    names = environment_files("web.next", 12)
    assert "beacon-web.next.service.12.env" in names
    assert all(map(is_environment, names))
    assert [is_plain(name) for name in names] == [False, False, True, True]
    for other in ("beacon-web.container", "beacon-web.env", "beacon-web.service.x.env", "web.service.1.env"):
        assert not is_environment(other)


def test_modes_follow_from_the_definition(tmp_path: Path) -> None:
    private: dict[str, bool | None] = {"web": True, "open": False}
    units = UnitDirectory(tmp_path / "quadlet", tmp_path / "plain", private.get)
    for name, service, mode in (
        ("beacon-web.container", "web", 0o600),
        ("beacon-web-data.volume", "web", 0o600),
        ("beacon-web.next.service", "web.next", 0o600),
        ("beacon-open.container", "open", 0o644),
        ("beacon-open.container.2.env", "open", 0o600),
        ("beacon-gone.service", "gone", 0o644),
    ):
        text = f"{MARK}service {service}, checksum sha256:0\nA=a\r\nB=b\n"
        units.put(name, text)
        assert units.path(name).stat().st_mode & 0o777 == mode
        assert units.read(name) == text
    units.put("beacon-net.network", f"{MARK}network net, checksum sha256:0\n")
    assert units.path("beacon-net.network").stat().st_mode & 0o777 == 0o644

    private |= {"web": False, "open": None}
    for name, mode in (("beacon-web.container", 0o644), ("beacon-open.container", 0o644), ("none", 0)):
        units.guard(name)
        assert not mode or units.path(name).stat().st_mode & 0o777 == mode
    foreign = units.path("beacon-foreign.container")
    foreign.write_text("[Container]\nImage=mine\n")
    foreign.chmod(0o640)
    units.guard(foreign.name)
    assert foreign.stat().st_mode & 0o777 == 0o640
    private["web"] = True
    units.guard("beacon-web.container")
    private["web"] = None  # its definition is gone
    units.put("beacon-web.container", f"{MARK}service web, checksum sha256:1\n")
    assert units.path("beacon-web.container").stat().st_mode & 0o777 == 0o600


def test_an_environment_is_no_unit(tmp_path: Path) -> None:
    units = UnitDirectory(tmp_path / "quadlet", tmp_path / "plain")
    text = f"{MARK}service web, checksum sha256:0\nWantedBy=multi-user.target\n"
    units.put("beacon-web.service.2.env", text)
    assert units.read_all() == {"beacon-web.service.2.env": text}
    assert not list((tmp_path / "plain").glob("*.wants"))
    units.put("beacon-web.service.2.env", None)
    assert units.read_all() == {}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that others can enter; pytest's own is its user's alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    ("mode", "folder", "private"),
    [
        (0o644, 0o755, False),
        (0o640, 0o755, True),
        (0o600, 0o755, True),
        (0o644, 0o700, True),
        (0o604, 0o711, False),
    ],
)
def test_what_others_cannot_read_is_private(open_folder: Path, mode: int, folder: int, private: bool) -> None:  # noqa: FBT001
    path = open_folder / "services" / "web.toml"
    path.parent.mkdir()
    path.touch()
    path.chmod(mode)
    path.parent.chmod(folder)
    link = open_folder / "link.toml"
    link.symlink_to(path)
    assert is_private(path) is private
    assert is_private(link) is private
    assert is_private(open_folder / "none.toml") is None


def test_a_file_that_is_rewritten_keeps_mode_and_link(tmp_path: Path) -> None:
    path, link = tmp_path / "real.toml", tmp_path / "web.toml"
    path.touch()
    path.chmod(0o640)
    link.symlink_to("real.toml")
    rewrite(link, b"new")
    assert link.is_symlink()
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)
    rewrite(tmp_path / "other.toml", b"x")
    assert (tmp_path / "other.toml").stat().st_mode & 0o777 == 0o600
