"""``--update-golden`` writes what is rendered now over what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

GENERATORS = (
    Path("/usr/libexec/podman/quadlet"),
    Path("/usr/lib/systemd/system-generators/podman-system-generator"),
)
GENERATOR = next((path for path in GENERATORS if path.exists()), None)

# Without a generator there is nothing to ask; the Debian 13 root, where the suite runs too, has one.
collect_ignore = (
    []
    if GENERATOR is not None
    else [
        "test_accepted.py",
        "test_parity.py",
        "importing/test_import_accepted.py",
    ]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(
        "--update-golden", action="store_true", help="write expected/ anew from what is rendered"
    )
