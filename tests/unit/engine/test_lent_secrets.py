"""The machine's secrets are lent to Podman once, by whichever rollout needs them first."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.engine.podman import Podman
from beacon.errors import MachineError
from beacon.model.sensitive import SecretVersion
from beacon.secrets.machine import MachineSecrets

TOKEN = SecretVersion("shop.token", 1)
_SCRIPT = """#!/bin/sh
if [ "$2" = ls ]; then cat {folder}/there; exit; fi
{meanwhile}
echo "secret name in use" >&2; exit 125
"""


def secrets(folder: Path, meanwhile: str = "") -> MachineSecrets:
    """Return secrets that Podman does not take, and what happens just before it says so."""
    (folder / "there").write_text("")
    podman = folder / "podman"
    podman.write_text(_SCRIPT.format(folder=folder, meanwhile=meanwhile))
    podman.chmod(0o755)
    return MachineSecrets(folder, Podman({"PATH": f"{folder}:/usr/bin:/bin"}))


def test_another_service_may_be_quicker_to_lend_what_both_have(tmp_path: Path) -> None:
    secrets(tmp_path, f"echo {TOKEN.in_engine} >{tmp_path}/there").provide({TOKEN})


def test_one_that_podman_does_not_take_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="secret name in use"):
        secrets(tmp_path).provide({TOKEN})
