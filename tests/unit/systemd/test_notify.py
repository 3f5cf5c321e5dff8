"""What systemd is told."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from beacon.systemd.notify import Notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_and_news_alone(tmp_path: Path, *, abstract: bool) -> None:
    address = f"@beacon-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0", 1))
        manager.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": address})
        notifier.status("Looking")
        notifier.status("Looking")
        notifier.ready()
        notifier.alive()
        notifier.stopping()
        said = [manager.recv(4096).decode() for _ in range(4)]
    assert said == ["STATUS=Looking", "READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_without_a_manager_nobody_is_told(tmp_path: Path) -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "none")}).ready()
