"""The Debian package is built with all that pyproject.toml names, since completions import all of Beacon."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
OTHERWISE = {"pyyaml": "yaml"}
"""Packages that Debian calls by the name of their module."""


def test_what_beacon_imports_is_there_when_its_package_is_built() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.split("[^a-z0-9-]", need)[0] for need in project["dependencies"]]
    control = (ROOT / "packaging/debian/control").read_text()
    field = control.split("Build-Depends:")[1].split("\nStandards-Version:")[0]
    wanted = {f"python3-{OTHERWISE.get(name, name)}" for name in names}
    assert wanted - set(re.findall(r"[a-z0-9-]+", field)) == set()
