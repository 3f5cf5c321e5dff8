"""Put Beacon on test hosts, as its package does, and boot one outside of pytest."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab.ground import Ground
from tests.lab.host import LabHost
from tests.lab.wheels import make_wheels

REPOSITORY = Path(__file__).resolve().parents[2]
BUILT = REPOSITORY / "build" / "deb"
CHECKOUT = "/root/beacon"
WHEELS = "/var/lib/lab/wheels"


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


def repackage(package: Path, version: str, folder: Path) -> Path:
    """Return the same package as another version, made in *folder*."""
    tree = folder / f"beacon-{version}"
    _run("dpkg-deb", "--raw-extract", str(package), str(tree))
    control = tree / "DEBIAN/control"
    text = re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE)
    control.write_text(text)
    made = folder / f"beacon_{version}_all.deb"
    _run("dpkg-deb", "--root-owner-group", "--build", str(tree), str(made))
    return made


def copy_tree(host: LabHost, place: str) -> None:
    """Put a copy of this working tree on a host, as a checkout is: no caches, nothing built."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    said = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    files = [name for name in said.split("\0") if name and (REPOSITORY / name).is_file()]
    target = host.path(place)
    target.mkdir(parents=True)
    pack = subprocess.run(
        ["tar", "-c", "--null", "--no-recursion", "-T", "-"],
        cwd=REPOSITORY,
        input="\0".join(files).encode(),
        capture_output=True,
        check=True,
    )
    subprocess.run(["tar", "-C", target, "-x", "--no-same-owner"], input=pack.stdout, check=True)


def install_beacon(root: Path) -> None:
    """Install Beacon in the root of a host that is not booted.

    The timer is not started at boot: a test says itself when updates are looked for.
    """
    package = build_deb()
    inside = f"/var/tmp/{package.name}"  # noqa: S108 (on a host of our own)
    shutil.copy(package, f"{root}{inside}")
    _run("chroot", str(root), "dpkg", "--force-unsafe-io", "--install", inside)
    Path(f"{root}{inside}").unlink()
    _run("systemctl", f"--root={root}", "--quiet", "disable", "beacon-update.timer")


def offer_wheels(host: LabHost) -> None:
    """Let pip on a host find what PyPI has, in a folder: hosts have no internet."""
    shutil.copytree(make_wheels(host.ground.root.parent), host.path(WHEELS))
    host.write("/etc/pip.conf", f"[global]\nno-index = true\nfind-links = {WHEELS}\n")


def install_from_checkout(host: LabHost) -> None:
    """Install Beacon as the owner of a machine does for which it has no package.

    The timer is stopped: a test says itself when updates are looked for.
    """
    copy_tree(host, CHECKOUT)
    install_checked_out(host)


def install_checked_out(host: LabHost) -> None:
    """Do the same on a host that has the checkout already."""
    host.run(f"{CHECKOUT}/install.sh", timeout=180)
    host.run("systemctl", "--quiet", "disable", "--now", "beacon-update.timer")


def leave_docker_alone(host: LabHost) -> None:
    """Make a host one that has docker, running, and no Podman."""
    host.run("mv", "/usr/bin/podman", "/usr/bin/podman.away")
    host.run("systemctl", "--quiet", "enable", "--now", "docker")


def _run(*argv: str) -> None:
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
