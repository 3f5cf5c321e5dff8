"""The folders of unit files: which file goes where, and how plain units are enabled."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.state.files import UnitDirectory

SERVICE = "[Service]\nExecStart=true\n\n[Install]\nWantedBy=multi-user.target\n"


@pytest.fixture
def folders(tmp_path: Path) -> UnitDirectory:
    """Return two folders that are not there yet."""
    return UnitDirectory(tmp_path / "quadlet", tmp_path / "system")


def test_each_file_goes_to_whom_it_is_for(folders: UnitDirectory) -> None:
    files = {
        "beacon-web.container": "[Container]\n",
        "beacon-web-data.volume": "[Volume]\n",
        "beacon-db.service": SERVICE,
        "beacon-db-data-volume.service": "[Service]\n",
        "beacon-db.slice": "[Slice]\n",
    }
    for name, text in files.items():
        folders.put(name, text)
    assert folders.read_all() == files
    assert {file.name for file in folders.quadlet.iterdir()} == {
        "beacon-web.container",
        "beacon-web-data.volume",
    }


def test_other_files_are_not_seen(folders: UnitDirectory) -> None:
    folders.plain.mkdir()
    for name in ("web.service", "beacon-web.timer", "beacon-web.container", "beacon-x.service.d"):
        (folders.plain / name).write_text("")
    (folders.plain / "beacon-masked.service").symlink_to("/dev/null")
    assert folders.read_all() == {}


def test_a_new_plain_unit_is_enabled_and_a_removed_one_is_not(folders: UnitDirectory) -> None:
    folders.put("beacon-web.service", SERVICE)
    link = folders.plain / "multi-user.target.wants/beacon-web.service"
    assert link.readlink() == folders.plain / "beacon-web.service"
    folders.put("beacon-web.service", None)
    assert not link.is_symlink()
    folders.put("beacon-web.service", None)


def test_a_unit_that_its_owner_disabled_stays_so(folders: UnitDirectory) -> None:
    folders.put("beacon-web.service", SERVICE)
    (folders.plain / "multi-user.target.wants/beacon-web.service").unlink()
    folders.put("beacon-web.service", SERVICE.replace("true", "false"))
    assert not (folders.plain / "multi-user.target.wants/beacon-web.service").is_symlink()


def test_a_link_that_a_kill_left_behind_is_used(folders: UnitDirectory) -> None:
    folders.put("beacon-web.service", SERVICE)
    (folders.plain / "beacon-web.service").unlink()
    folders.put("beacon-web.service", SERVICE)
    assert (folders.plain / "multi-user.target.wants/beacon-web.service").exists()


@pytest.mark.parametrize(
    ("drop_in", "expected"),
    [
        ("quadlet/beacon-web.container.d/own.conf", True),
        ("quadlet/container.d/all.conf", True),
        ("quadlet/beacon-.container.d/all.conf", True),
        ("plain/beacon-web.service.d/override.conf", True),
        ("plain/beacon-webshop.service.d/override.conf", False),
        ("plain/beacon-web.service.d/README", False),
        ("plain/service.d/all.conf", False),  # counts for every unit, a helper's too
    ],
)
def test_drop_ins_for_a_unit_alone_are_seen(tmp_path: Path, drop_in: str, expected: bool) -> None:  # noqa: FBT001
    directory = UnitDirectory(tmp_path / "quadlet", tmp_path / "plain")
    assert not directory.is_customised("web")
    (tmp_path / drop_in).parent.mkdir(parents=True)
    (tmp_path / drop_in).touch()
    assert directory.is_customised("web") is expected


def test_a_file_that_somebody_spoilt_hinders_no_other(folders: UnitDirectory) -> None:
    folders.put("beacon-web.container", "[Container]\n")
    (folders.quadlet / "beacon-db.container").write_bytes(b"[Container]\n# caf\xe9\n")
    texts = folders.read_all()
    assert texts["beacon-web.container"] == "[Container]\n"
    assert texts["beacon-db.container"] == "[Container]\n# caf\N{REPLACEMENT CHARACTER}\n"
    folders.put("beacon-db.container", "[Container]\n")
    assert folders.read("beacon-db.container") == "[Container]\n"


def test_the_timer_of_a_job_is_wanted_by_its_service(
    folders: UnitDirectory,
) -> None:
    timer = "beacon-web.job-cron.timer"
    folders.put(timer, "[Install]\nWantedBy=beacon-web.service\n")
    wants = folders.plain / "beacon-web.service.wants"
    assert (wants / timer).resolve() == folders.path(timer)
    folders.put(timer, None)
    assert not wants.exists()
