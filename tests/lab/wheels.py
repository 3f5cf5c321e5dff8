"""What pip would fetch from PyPI on a Debian 12 host, for hosts without internet: a folder of archives.

It is made once and cached beside the roots. Everything is a wheel but pystemd, which PyPI has as source only:
hosts build it themselves.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYPROJECT = HERE.parents[1] / "pyproject.toml"
PYTHON = "3.11"
"""Debian 12's."""
SOURCE_ONLY = "pystemd"
_ITS_NEEDS = ("cython", "lxml", "psutil", "setuptools", "wheel")
"""To build and to run it, by its own pyproject.toml."""


class NoWheelsError(AssertionError):
    """pip could not fetch what hosts need; the message holds what it said."""


def make_wheels(cache: Path) -> Path:
    """Return the cached folder, made first when it is not there or when what Beacon needs has changed."""
    project = tomllib.loads(PYPROJECT.read_text())
    needs = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted = [need for need in needs if not need.startswith(SOURCE_ONLY)]
    sources = [need for need in needs if need.startswith(SOURCE_ONLY)]
    text = "\n".join([PYTHON, *wanted, *sources, *_ITS_NEEDS])
    folder = cache / f"wheels-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    with (cache / "make-wheels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test run may be fetching now
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=cache, prefix="making.") as making:
                new = Path(making) / "wheels"
                _download(new, f"--python-version={PYTHON}", "--only-binary=:all:", *wanted, *_ITS_NEEDS)
                _download(new, "--no-deps", f"--no-binary={SOURCE_ONLY}", *sources)
                new.rename(folder)
    return folder


def _download(folder: Path, *what: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--dest", str(folder), *what], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NoWheelsError(f"pip download {' '.join(what)}\n{done.stdout}{done.stderr}")
