"""The ground that test hosts stand on: a bridge, addresses, overlays and control groups of one test run.

Everything outside of the hosts is made here, under names that hold the number of the run's *slot*. A warden
process holds the other end of a pipe: when the test run ends, in whatever way, the warden removes it all.
What even a killed warden leaves is removed by the next run, which can lock the slot again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRIXIE, BOOKWORM = "trixie", "bookworm"
"""Debian 13, which hosts have unless they ask for another, and Debian 12."""
BARE = "bare-"
"""Before the name of a suite: its root with nothing on it but what every Debian has, systemd and D-Bus."""
SLOTS = Path("/run/beacon-lab")
LAST_SLOT = 99


class LabUnavailableError(Exception):
    """A machine that cannot boot test hosts; the message says why."""


@dataclass(frozen=True)
class Slot:
    """The number that tells this test run from others at the same time, and the names made from it."""

    number: int
    folder: Path

    @property
    def bridge(self) -> str:
        """The network bridge that joins the run's hosts, and them alone."""
        return f"beacon-lab-{self.number}"

    def address(self, last: int) -> str:
        """Return an address on the bridge; 1 is the outside."""
        return f"10.213.{self.number}.{last}"

    def cgroup(self, host: str) -> Path:
        """Return the control group that all processes of *host* are in."""
        return _cgroup_root() / f"{self.bridge}-{host}"

    def clear(self) -> None:
        """Remove whatever a run with this number made: processes, mounts, the bridge and files."""
        for group in _cgroup_root().glob(f"{self.bridge}-*"):
            remove_cgroup(group)
        for point in reversed(_mounts_below(self.folder)):
            _call("umount", "--lazy", point)
        _call("ip", "link", "delete", self.bridge)
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Ground:
    """What one test run has: its slot, the roots below all hosts, and the layers on top of them."""

    slot: Slot
    root: Path
    _warden: subprocess.Popen[bytes]
    _addresses: dict[str, str] = field(default_factory=dict)
    _roots: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def open(cls) -> Ground:
        """Claim a slot, make root and bridge, and leave the warden to take them away again."""
        _check_machine()
        root = make_root()
        lock, slot = _claim_slot(root.parent / "runs")
        slot.clear()
        slot.folder.mkdir(parents=True)
        warden = subprocess.Popen(
            [sys.executable, __file__, str(slot.number), str(slot.folder)],
            stdin=subprocess.PIPE,
            pass_fds=[lock],
            start_new_session=True,
        )
        os.close(lock)  # the warden's copy keeps the slot locked until all is removed
        ground = cls(slot, root, warden)
        ground._make_bridge()
        return ground

    def close(self) -> None:
        """Remove everything; hosts that still run are killed."""
        if self._warden.stdin:
            self._warden.stdin.close()
        self._warden.wait()

    def root_of(self, suite: str) -> Path:
        """Return the root of a suite; other ones than Debian 13's are made when a host asks for them."""
        if suite == TRIXIE:
            return self.root
        if suite not in self._roots:
            self._roots[suite] = make_root(suite)
        return self._roots[suite]

    def layer(self, name: str, prepare: Callable[[Path], None], *below: Path) -> Path:
        """Let *prepare* change a root outside of any host, and return the changes, to boot hosts on."""
        folder = self.slot.folder / f"layer-{name}"
        with overlaid(folder, (*below, self.root)) as merged:
            prepare(merged)
        return folder / "upper"

    def claim_address(self, host: str) -> str:
        """Return the address of *host*: always the same one for the same name."""
        return self._addresses.setdefault(host, self.slot.address(len(self._addresses) + 2))

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses of all hosts that were made so far, by name."""
        return dict(self._addresses)

    def _make_bridge(self) -> None:
        name = self.slot.bridge
        subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=True)
        subprocess.run(["ip", "address", "add", f"{self.slot.address(1)}/24", "dev", name], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        # Hosts have a default route, as real ones do, but it ends here.
        Path(f"/proc/sys/net/ipv4/conf/{name}/forwarding").write_text("0")


def make_root(suite: str = TRIXIE) -> Path:
    """Return the cached root of a suite, made first when it is not there."""
    made = subprocess.run([HERE / "make-root.sh", suite], stdout=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        raise LabUnavailableError(f"tests/lab/make-root.sh could not make the root of {suite} test hosts")
    return Path(made.stdout.strip())


@contextlib.contextmanager
def overlaid(folder: Path, lower: tuple[Path, ...]) -> Iterator[Path]:
    """Mount an overlay whose changes stay in *folder* for the time of the context."""
    merged = mount_overlay(folder, lower)
    try:
        yield merged
    finally:
        subprocess.run(["umount", merged], check=True)


def mount_overlay(folder: Path, lower: tuple[Path, ...]) -> Path:
    """Mount an overlay on the layers *lower*, the topmost first, whose changes stay in *folder*."""
    upper, work, merged = folder / "upper", folder / "work", folder / "merged"
    for path in (upper, work, merged):
        path.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=True)
    return merged


def make_cgroup(group: Path) -> Path:
    """Make a control group below the root of the unified hierarchy, new and empty."""
    remove_cgroup(group)
    group.mkdir()
    return group


def remove_cgroup(group: Path) -> None:
    """Kill all processes in a control group and remove it, also where nspawn copied its name to."""
    deadline = time.monotonic() + 10
    while group.exists() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            (group / "cgroup.kill").write_text("1")
        _remove_folders(group)
        time.sleep(0.01)
    _remove_folders(Path("/sys/fs/cgroup/systemd") / group.name)


def _remove_folders(top: Path) -> None:
    for folder, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()


def _cgroup_root() -> Path:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(point)
    raise LabUnavailableError("no control group hierarchy of version 2 is mounted")


def _mounts_below(folder: Path) -> list[str]:
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{folder}/")]


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise LabUnavailableError("booting test hosts needs root")
    for tool in ("systemd-nspawn", "mmdebstrap", "ip", "nsenter", "setpriv"):
        if shutil.which(tool) is None:
            raise LabUnavailableError(f"{tool} is missing; run tests/setup.sh")
    _cgroup_root()


def _claim_slot(runs: Path) -> tuple[int, Slot]:
    """Return the lock and the first slot that no living run holds; clear all that dead runs left."""
    SLOTS.mkdir(exist_ok=True)
    claimed: tuple[int, Slot] | None = None
    for number in range(LAST_SLOT + 1):
        path = SLOTS / str(number)
        if claimed and not path.exists():
            continue
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        left = os.read(lock, 4096).decode()
        if left:
            Slot(number, Path(left)).clear()
        if claimed:
            os.truncate(lock, 0)
            os.close(lock)
            continue
        slot = Slot(number, runs / str(number))
        os.truncate(lock, 0)
        os.pwrite(lock, os.fsencode(slot.folder), 0)
        claimed = lock, slot
    if claimed is None:
        raise LabUnavailableError("all slots for test runs are taken")
    return claimed


def _call(*argv: str) -> None:
    subprocess.run(argv, check=False, stderr=subprocess.DEVNULL)


def _warden(number: int, folder: Path) -> None:
    """Wait for the end of the test run, then remove what it made."""
    sys.stdin.buffer.read()
    Slot(number, folder).clear()
    (SLOTS / str(number)).write_text("")


if __name__ == "__main__":
    _warden(int(sys.argv[1]), Path(sys.argv[2]))
