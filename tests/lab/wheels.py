"""What pip would fetch from PyPI on a Debian 12 host, for hosts without internet: a folder of wheels.

It is made once and cached beside the roots. pystemd, which PyPI has as source only, hosts have from Debian.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYPROJECT = HERE.parents[1] / "pyproject.toml"
PYTHON = "3.11"
"""Debian 12's."""
FROM_DEBIAN = "pystemd"


class NoWheelsError(AssertionError):
    """pip could not fetch what hosts need; the message holds what it said."""


def make_wheels(cache: Path) -> Path:
    """Return the cached folder, made first when it is not there or when what Beacon needs has changed."""
    project = tomllib.loads(PYPROJECT.read_text())
    needs = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted = [need for need in needs if not need.startswith(FROM_DEBIAN)]
    text = "\n".join([PYTHON, *wanted])
    folder = cache / f"wheels-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    with _lock(cache):  # another test run may be fetching now
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=cache, prefix="making.") as making:
                new = Path(making) / "wheels"
                _download(new, f"--python-version={PYTHON}", "--only-binary=:all:", *wanted)
                new.rename(folder)
    return folder


@contextlib.contextmanager
def _lock(cache: Path) -> Iterator[None]:
    with (cache / "make-wheels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(folder: Path, *what: str) -> None:
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    _run(*command, "--dest", str(folder), *what)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoWheelsError(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")
