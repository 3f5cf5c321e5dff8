"""Put Beacon on test hosts, as its package does, and boot one outside of pytest."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab.ground import Ground
from tests.lab.host import LabHost

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD_SCRIPT = REPOSITORY / "packaging" / "build-deb.sh"
BUILT = REPOSITORY / "build" / "deb"


class BuildError(AssertionError):
    """The package could not be built or installed; the message holds what was said."""


@contextlib.contextmanager
def booted(name: str = "host") -> Iterator[LabHost]:
    """Boot a host with Beacon on it for the time of the context: a demo, a benchmark, a look around."""
    ground = Ground.open()
    try:
        host = LabHost(ground, name, layers=(ground.layer("beacon", install_beacon),))
        host.boot()
        yield host
        host.destroy()
    finally:
        ground.close()


def build_deb() -> Path:
    """Build Beacon's Debian package from this tree, and return it."""
    _run("make", "--silent", "deb")
    found = sorted(BUILT.glob("beacon_*.deb"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise BuildError(f"make deb left no beacon_*.deb in {BUILT}")
    return found[-1]


def install_beacon(root: Path) -> None:
    """Install Beacon in the root of a host that is not booted."""
    if not BUILD_SCRIPT.exists():
        _copy_beacon(root)
        return
    package = build_deb()
    inside = f"/var/tmp/{package.name}"  # noqa: S108 (on a host of our own)
    shutil.copy(package, f"{root}{inside}")
    _run("chroot", str(root), "dpkg", "--force-unsafe-io", "--install", inside)
    Path(f"{root}{inside}").unlink()


def _copy_beacon(root: Path) -> None:
    """Put Beacon where its package will put it, as long as there is no package."""
    python = root / "usr/lib/python3/dist-packages"
    shutil.copytree(REPOSITORY / "beacon", python / "beacon", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "unit-templates", root / "usr/share/beacon/unit-templates")
    script = root / "usr/bin/beacon"
    script.write_text("#!/usr/bin/python3\nfrom beacon.__main__ import main\n\nmain()\n")
    script.chmod(0o755)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
