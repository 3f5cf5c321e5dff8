"""Commands of an engine, and what they print."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from beacon.engine.command import has_files, run
from beacon.engine.streaming import stream
from beacon.errors import MachineError

LATIN = ["printf", r"f\374r"]


def test_what_is_not_utf_8_is_read_all_the_same() -> None:
    lines: list[tuple[str, int]] = []
    assert run(LATIN, os.environ) == "f\N{REPLACEMENT CHARACTER}r"
    assert stream(LATIN, os.environ, lambda *heard: lines.append(heard), terminal=True) == ""
    assert [line for line, _ in lines] == ["f\N{REPLACEMENT CHARACTER}r"]


def test_a_folder_has_files_when_anything_in_it_is_no_folder(tmp_path: Path) -> None:
    deep = tmp_path / "one" / "two"
    deep.mkdir(parents=True)
    assert not has_files(str(tmp_path), os.environ)
    (deep / "link").symlink_to("/nowhere")
    assert has_files(str(tmp_path), os.environ)
    assert not has_files(str(tmp_path / "other"), os.environ)


def test_a_folder_that_cannot_be_looked_at_is_not_empty(tmp_path: Path) -> None:
    refuses = ("sh", "-c", "echo 'find: permission denied' >&2; exit 1")
    with pytest.raises(MachineError, match="permission denied"):
        has_files(str(tmp_path), os.environ, within=refuses)
