"""What a service said last, in whatever bytes it said it."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.model.machine import Scope
from beacon.systemd.journal import last_words


def test_words_that_are_not_utf_8_are_words_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journalctl = tmp_path / "journalctl"
    journalctl.write_text("#!/bin/sh\nprintf 'no port f\\374r me\\n'\n")
    journalctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert last_words("beacon-web.service", 0.0, Scope.SYSTEM) == "no port f\N{REPLACEMENT CHARACTER}r me"
