"""``--update-golden`` writes what is rendered now over what was expected."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

GENERATORS = (
    Path("/usr/libexec/podman/quadlet"),
    Path("/usr/lib/systemd/system-generators/podman-system-generator"),
)
GENERATOR = next((path for path in GENERATORS if path.exists()), None)

# Without a generator, or Caddy, there is nothing to ask; the Debian 13 root, where the suite runs, has both.
collect_ignore = []
if GENERATOR is None:
    collect_ignore += ["test_accepted.py", "test_parity.py", "importing/test_import_accepted.py"]
if shutil.which("caddy") is None:
    collect_ignore += ["caddyfile/test_caddy_accepts.py"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(
        "--update-golden", action="store_true", help="write expected/ anew from what is rendered"
    )
