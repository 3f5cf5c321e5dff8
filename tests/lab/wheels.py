"""What pip would fetch from PyPI on a Debian 12 host, for hosts without internet: a folder of archives.

It is made once and cached beside the roots. Everything is a wheel but pystemd, which PyPI has as source only:
hosts build it themselves, but for those that have it `built` once for all of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.lab.ground import BOOKWORM, Ground, overlaid

HERE = Path(__file__).resolve().parent
PYPROJECT = HERE.parents[1] / "pyproject.toml"
PYTHON = "3.11"
"""Debian 12's."""
SOURCE_ONLY = "pystemd"
_ITS_NEEDS = ("cython", "lxml", "psutil", "setuptools", "wheel")
"""To build and to run it, by its own pyproject.toml."""


class NoWheelsError(AssertionError):
    """pip could not fetch or build what hosts need; the message holds what it said."""


def make_wheels(cache: Path) -> Path:
    """Return the cached folder, made first when it is not there or when what Beacon needs has changed."""
    project = tomllib.loads(PYPROJECT.read_text())
    needs = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted = [need for need in needs if not need.startswith(SOURCE_ONLY)]
    sources = [need for need in needs if need.startswith(SOURCE_ONLY)]
    text = "\n".join([PYTHON, *wanted, *sources, *_ITS_NEEDS])
    folder = cache / f"wheels-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    with _lock(cache):  # another test run may be fetching now
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=cache, prefix="making.") as making:
                new = Path(making) / "wheels"
                _download(new, f"--python-version={PYTHON}", "--only-binary=:all:", *wanted, *_ITS_NEEDS)
                _download(new, "--no-deps", f"--no-binary={SOURCE_ONLY}", *sources)
                new.rename(folder)
    return folder


def make_built(ground: Ground) -> Path:
    """Return a folder beside the cached one with pystemd as a wheel, built in the root of a host."""
    wheels = make_wheels(ground.root.parent)
    built = wheels.with_name(f"built-{wheels.name}")
    with _lock(wheels.parent):
        if not built.is_dir():
            folder = ground.slot.folder / "built"
            with overlaid(folder, (ground.root_of(BOOKWORM),)) as root:
                shutil.copytree(wheels, root / "wheels")
                _run("chroot", str(root), "python3", "-m", "venv", "/venv")
                pip = ("/venv/bin/pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index")
                places = ("--find-links=/wheels", "--wheel-dir=/built", "--no-deps")
                _run("chroot", str(root), *pip, *places, SOURCE_ONLY)
                shutil.copytree(root / "built", folder / "wheel")
            (folder / "wheel").rename(built)
    return built


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
