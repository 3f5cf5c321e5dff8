"""When Podman's secrets got their values; and answers that no engine should give."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from beacon.engine.podman import Podman
from beacon.errors import MachineError
from beacon.model.reference import ImageReference


def podman(folder: Path, said: str) -> Podman:
    """Return an engine that says *said*, whatever it is asked."""
    (folder / "said").write_text(said)
    script = folder / "podman"
    script.write_text(f"#!/bin/sh\ncat {folder}/said\n")
    script.chmod(0o755)
    return Podman({"PATH": f"{folder}:/usr/bin:/bin"})


def test_a_time_has_nanoseconds_as_go_writes_them(tmp_path: Path) -> None:
    said = '[{"Spec": {"Name": "tok"}, "UpdatedAt": "2026-11-29T18:20:01.123456789Z"}]'
    found = podman(tmp_path, said).secret_changes(["tok"])
    assert found == {"tok": datetime(2026, 11, 29, 18, 20, 1, 123456, tzinfo=UTC)}


def test_nobody_is_asked_of_none(tmp_path: Path) -> None:
    assert podman(tmp_path, "nonsense").secret_changes([]) == {}


@pytest.mark.parametrize("said", ["nonsense", "[" * 5000, '[{"Spec": null}]', '[{"UpdatedAt": "now"}]'])
def test_what_cannot_be_understood_is_said(tmp_path: Path, said: str) -> None:
    with pytest.raises(MachineError, match="cannot understand what podman secret"):
        podman(tmp_path, said).secret_changes(["tok"])


@pytest.mark.parametrize(
    "said", ["nonsense", "[]", "{}", "7", "[" * 5000, "[null]", '[{"Config": 1}]', "[{}]"]
)
def test_an_image_that_cannot_be_understood_is_said(tmp_path: Path, said: str) -> None:
    with pytest.raises(MachineError, match="cannot understand what podman image"):
        podman(tmp_path, said).image_config(ImageReference.parse("me.example/web:1"))
