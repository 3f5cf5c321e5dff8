"""Boot a real host, systemd and all, in a container of its own, and act on it from the outside."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab.ground import BARE, HERE, TRIXIE, Ground, make_cgroup, mount_overlay, remove_cgroup

BOOT_TIMEOUT = 60.0
SHUTDOWN_TIMEOUT = 90.0
_BOOT_ATTEMPTS = 5
REGISTRY_PORT = 5000
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}
PLAIN_FOLDERS = {"containers": "/var/lib/containers", "docker": "/var/lib/docker", "home": "/home"}
"""Folders in which engines mount overlays: these cannot lie on the host's own overlay."""

_ENTER_CGROUP = 'echo $$ >"$0" && exec "$@"'


class CommandError(AssertionError):
    """A command on a test host failed; the message holds all that it said."""

    def __init__(self, argv: tuple[str, ...], status: int, stdout: str, stderr: str) -> None:
        self.status = status
        self.stdout = stdout
        self.stderr = stderr
        super().__init__(f"{' '.join(argv)}: exit status {status}\n--- stdout\n{stdout}--- stderr\n{stderr}")


def wait_until(predicate: Callable[[], object], timeout: float = 10, *, interval: float = 0.05) -> None:
    """Return as soon as *predicate* is true; fail when that takes longer than *timeout* seconds."""
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not so within {timeout} s: {getattr(predicate, '__doc__', None) or predicate}"
            )
        time.sleep(interval)


class LabHost:
    """One test host: a Debian machine with systemd, Podman, docker and a registry.

    The registry is `registry.example:5000` on the host, and `registry` (an address and port) from outside.
    A bare one has none of that, but what its suite's root has.
    """

    def __init__(
        self, ground: Ground, name: str, *, suite: str = TRIXIE, layers: tuple[Path, ...] = ()
    ) -> None:
        self.ground = ground
        self.name = name
        self.suite = suite
        self.address = ground.claim_address(name)
        self._folder = ground.slot.folder / f"host-{name}"
        self._cgroup = ground.slot.cgroup(name)
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._users = 0
        self._merged = mount_overlay(self._folder, (*layers, ground.root_of(suite)))
        for folder in PLAIN_FOLDERS:
            (self._folder / folder).mkdir()
        self._configure()

    # Power

    def boot(self) -> None:
        """Boot; return when systemd has started everything and the registry answers.

        After a power cut the kernel may take a moment to drop the last boot's network device.
        """
        for _ in range(_BOOT_ATTEMPTS - 1):
            try:
                return self._boot()
            except RuntimeError as error:
                if "File exists" not in str(error):
                    raise
                time.sleep(1)
        return self._boot()

    def _boot(self) -> None:
        ready = self._folder / "notify"
        ready.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(ready))
            self._start_nspawn(ready)
            deadline = time.monotonic() + BOOT_TIMEOUT
            self._leader = int(self._await_notice(notify, r"X_NSPAWN_LEADER_PID=(\d+)", deadline))
            self._connect()
            self._await_notice(notify, r"(READY=1)", deadline)
        if not self._is_bare:
            wait_until(self.registry_answers, BOOT_TIMEOUT, interval=0.01)

    def shutdown(self) -> None:
        """Power off in order, as `systemctl poweroff` does."""
        if self._nspawn is None:
            return
        self._nspawn.terminate()
        try:
            wait_until(self._is_down, SHUTDOWN_TIMEOUT)
        finally:
            self._cut()

    def reboot(self) -> None:
        """Power off in order, and boot again on the same disk."""
        self.shutdown()
        self.boot()

    def power_cut(self, *, boot: bool = True) -> None:
        """Kill all processes at the same instant, and boot again on the same disk."""
        self._cut()
        if boot:
            self.boot()

    def destroy(self) -> None:
        """Take the host away with its disk."""
        self._cut()
        subprocess.run(["umount", "--lazy", self._merged], check=True)
        # Unmounted for good when the last process is gone that was in it; what stays the run's end removes.
        gone = self._folder.with_name(f"gone-{time.monotonic_ns()}")
        self._folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    @property
    def is_up(self) -> bool:
        """Whether the host is booted."""
        return self._nspawn is not None and self._nspawn.poll() is None

    # Commands

    def run(
        self,
        *argv: str,
        check: bool = True,
        input: str | None = None,  # noqa: A002 (subprocess's own word)
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root and return what it said; without *check* it may fail."""
        process = self.start(*argv, env=env, stdin=subprocess.DEVNULL if input is None else subprocess.PIPE)
        try:
            stdout, stderr = process.communicate(input, timeout)
        except subprocess.TimeoutExpired as slow:
            self.kill(process)
            stdout, stderr = process.communicate()
            raise CommandError(argv, 124, stdout, f"{stderr}killed after {timeout} s\n") from slow
        if check and process.returncode:
            raise CommandError(argv, process.returncode, stdout, stderr)
        return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)

    def start(
        self, *argv: str, env: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """Start a command as root, without waiting for it."""
        return subprocess.Popen(
            [*self.entering, *argv],
            env=ENVIRONMENT | dict(env or {}),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_doomed(self, calls: str, number: int, *argv: str) -> subprocess.Popen[str]:
        """Start a command that the kernel kills as it enters one of the system *calls* for the Nth time."""
        return self.start(
            *("strace", "--output=/dev/null", f"--trace={calls}"),
            f"--inject={calls}:signal=SIGKILL:when={number}",
            *argv,
        )

    @property
    def entering(self) -> list[str]:
        """The words before a command that let it run inside."""
        group = self._cgroup / "payload" / "lab" / "cgroup.procs"
        enter = ["nsenter", "--target", str(self._leader), "--all", "--wdns=/", "--"]
        return ["/bin/sh", "-c", _ENTER_CGROUP, str(group), *enter]

    def kill(self, process: subprocess.Popen[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a command that was started with `start`."""
        for pid in _children(process.pid):
            os.kill(pid, number)

    def add_user(self, name: str = "owner") -> LabUser:
        """Make a user who may run containers and whose services run without a login."""
        self._users += 1  # never the same id twice: the manager of the last one may still be stopping
        self.run("useradd", "--create-home", "--shell", "/bin/bash", f"--uid={2000 + self._users}", name)
        self.run("sh", "-c", "[ -e /dev/fuse ] || mknod /dev/fuse c 10 229; chmod 666 /dev/fuse /dev/net/tun")
        self.run("loginctl", "enable-linger", name)
        user = LabUser(self, name, int(self.run("id", "--user", name).stdout))
        wait_until(lambda: self.exists(f"/run/user/{user.uid}/bus"))
        return user

    # Files

    def resolve(self, **addresses: str) -> None:
        """Have names lead somewhere, dots written as ``_``."""
        lines = "".join(f"{address} {name.replace('_', '.')}\n" for name, address in addresses.items())
        self.run("sh", "-c", "cat >> /etc/hosts", input=lines)

    @property
    def root(self) -> Path:
        """The host's root folder as seen from the outside; absolute links in it lead astray."""
        return Path(f"/proc/{self._leader}/root") if self.is_up else self._merged

    def path(self, path: str) -> Path:
        """Return where *path* of the host is on the outside."""
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file, and the folders above it that are missing."""
        outside = self.path(path)
        outside.parent.mkdir(parents=True, exist_ok=True)
        outside.write_text(text)
        outside.chmod(mode)

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self.path(path).read_text()

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""
        return os.path.lexists(self.path(path))

    def install_deb(self, package: Path) -> None:
        """Install a Debian package whose dependencies are there."""
        inside = f"/var/tmp/{package.name}"  # noqa: S108 (on a host of our own)
        shutil.copy(package, self.path(inside))
        self.run("dpkg", "--install", inside, env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=120)

    # Network

    @property
    def registry(self) -> str:
        """The address and port of the host's registry, from the outside and for other hosts."""
        return f"{self.address}:{REGISTRY_PORT}"

    def registry_answers(self) -> bool:
        """Tell whether the host's registry accepts connections."""
        try:
            socket.create_connection((self.address, REGISTRY_PORT), timeout=1).close()
        except OSError:
            return False
        return True

    def disconnect(self) -> None:
        """Pull the network cable: a partition."""
        self._ip("link set host0 down")

    def connect(self) -> None:
        """Put the network cable back."""
        self._connect()

    def name_hosts(self) -> None:
        """Write the names that hosts know: other hosts, the registry and what stands in front of it."""
        outside = self.ground.slot.address(1)
        own = "" if self._is_bare else " registry.example example.org www.example.org"
        names = {
            "127.0.0.1": f"localhost {self.name}{own}",
            outside: "proxy.example mirror.example",
        }
        for name, address in self.ground.addresses.items():
            names[address] = f"{name}.example" + ("" if name == self.name else f" {name}")
        self.write("/etc/hosts", "".join(f"{address}\t{name}\n" for address, name in names.items()))

    # Below

    @property
    def _is_bare(self) -> bool:
        return self.suite.startswith(BARE)

    def _configure(self) -> None:
        """Write what every host has beside Debian's own files."""
        for own in (HERE / "root", HERE / f"root-{self.suite}"):
            if own.is_dir():
                shutil.copytree(own, self._merged, dirs_exist_ok=True)
        self.write("/etc/hostname", f"{self.name}\n")
        self.write("/etc/machine-id", f"{uuid.uuid4().hex}\n")
        # Nothing answers there, at once: names that /etc/hosts does not know are unknown without a wait.
        self.write(
            "/etc/resolv.conf", f"nameserver {self.ground.slot.address(1)}\noptions timeout:1 attempts:1\n"
        )
        self.name_hosts()

    def _start_nspawn(self, notify: Path) -> None:
        group = make_cgroup(self._cgroup)
        binds = [f"--bind={self._folder / name}:{inside}" for name, inside in PLAIN_FOLDERS.items()]
        command = [
            "systemd-nspawn",
            "--quiet",
            f"--directory={self._merged}",
            "--boot",
            "--notify-ready=yes",
            "--register=no",
            "--keep-unit",
            f"--machine={self.ground.slot.bridge}-{self.name}",
            f"--hostname={self.name}",
            "--console=pipe",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            f"--network-bridge={self.ground.slot.bridge}",
            "--capability=all",
            "--system-call-filter=@keyring bpf perf_event_open",
            *binds,
        ]
        with (self._folder / "console.log").open("wb") as console:
            self._nspawn = subprocess.Popen(
                ["/bin/sh", "-c", _ENTER_CGROUP, group / "cgroup.procs", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=ENVIRONMENT | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "NOTIFY_SOCKET": str(notify)},
                start_new_session=True,
            )

    def _await_notice(self, notify: socket.socket, pattern: str, deadline: float) -> str:
        """Return the part of nspawn's notices that matches *pattern*."""
        notify.settimeout(0.2)
        while time.monotonic() < deadline and self.is_up:
            try:
                notice = notify.recv(4096).decode()
            except TimeoutError:
                continue
            if found := re.search(pattern, notice):
                return found[1]
        console = (self._folder / "console.log").read_text(errors="replace")
        self._cut()
        raise RuntimeError(f"the test host {self.name} did not boot:\n{console}")

    def _connect(self) -> None:
        """Give the host its address; loopback is systemd's to bring up."""
        self._ip(
            f"address replace {self.address}/24 dev host0",
            "link set host0 up",
            f"route replace default via {self.ground.slot.address(1)}",
        )
        (self._cgroup / "payload" / "lab").mkdir(exist_ok=True)

    def _ip(self, *commands: str) -> None:
        enter = ["nsenter", "--target", str(self._leader), "--net"]
        subprocess.run([*enter, "ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)

    def _is_down(self) -> bool:
        """Tell whether the machine has gone down; wake commands that were started from the outside.

        systemd-shutdown(8) stops all processes for a moment. nsenter(1) stops together with its command, and
        nobody inside could wake it; the command would stay a zombie, which is waited for.
        """
        with contextlib.suppress(OSError):
            for pid in (self._cgroup / "payload" / "lab" / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGCONT)
        return not self.is_up

    def _cut(self) -> None:
        remove_cgroup(self._cgroup)
        if self._nspawn:
            self._nspawn.wait()
        self._nspawn = None


@dataclass(frozen=True)
class LabUser:
    """A user of a test host, for rootless containers."""

    host: LabHost
    name: str
    uid: int

    @property
    def home(self) -> str:
        """The home folder; it outlives a reboot."""
        return f"/home/{self.name}"

    def run(
        self,
        *argv: str,
        check: bool = True,
        input: str | None = None,  # noqa: A002 (subprocess's own word)
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, as from a login shell."""
        env = self._environment | dict(env or {})
        return self.host.run(*self._becoming, *argv, check=check, input=input, env=env, timeout=timeout)

    def command(self, *argv: str) -> tuple[str, ...]:
        """Return what root runs so that this user runs a command, as from a login shell."""
        return (
            "env",
            *(f"{key}={value}" for key, value in self._environment.items()),
            *self._becoming,
            *argv,
        )

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start a command as this user, without waiting for it."""
        return self.host.start(*self._becoming, *argv, env=self._environment)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of this user's, and the folders above it that are missing."""
        outside = self.host.path(path)
        missing = [folder for folder in outside.parents if not folder.exists()]
        self.host.write(path, text, mode)
        for made in (outside, *missing):
            os.chown(made, self.uid, self.uid)

    @property
    def _becoming(self) -> list[str]:
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups", "--"]

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "HOME": self.home,
            "USER": self.name,
            "XDG_RUNTIME_DIR": f"/run/user/{self.uid}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{self.uid}/bus",
        }


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
