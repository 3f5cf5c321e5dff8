"""Caddy itself accepts every expected file; collected where there is one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.golden.caddyfile.cases import CASES, expected


def caddy(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["caddy", *argv], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", CASES)
def test_it_is_accepted(name: str, tmp_path: Path) -> None:
    main = tmp_path / "Caddyfile"
    main.write_text(
        f"{{\n\tskip_install_trust\n\tstorage file_system {tmp_path}\n}}\nimport {expected(name)}\n"
    )
    adapted = caddy("adapt", "--config", str(main), "--adapter", "caddyfile")
    assert adapted.returncode == 0, adapted.stderr
    json.loads(adapted.stdout)
    checked = caddy("validate", "--config", str(main), "--adapter", "caddyfile")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", CASES)
def test_it_is_laid_out_as_caddy_does(name: str) -> None:
    said = caddy("fmt", str(expected(name))).stdout
    assert said == expected(name).read_text(encoding="utf-8")
