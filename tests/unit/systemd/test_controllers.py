"""What may be limited is read from the manager's control group."""

from __future__ import annotations

from pathlib import Path

from beacon.systemd.controllers import given_controllers


def test_the_machine_and_a_user_are_given_their_own(tmp_path: Path) -> None:
    manager = tmp_path / "user.slice/user-1000.slice/user@1000.service"
    manager.mkdir(parents=True)
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (manager / "cgroup.controllers").write_text("memory pids\n")
    assert given_controllers(root=tmp_path) == frozenset({"cpuset", "cpu", "io", "memory", "pids"})
    assert given_controllers(1000, root=tmp_path) == frozenset({"memory", "pids"})
    assert given_controllers(1001, root=tmp_path) == frozenset()


def test_version_1_has_no_such_list(tmp_path: Path) -> None:
    assert given_controllers(root=tmp_path) is None
