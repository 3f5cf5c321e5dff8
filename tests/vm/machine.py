"""A test host that is a virtual machine: its kernel is its own, so that limits and power cuts are real ones.

It is a LabHost in everything but how it runs: the disk is made of the root that the others boot from.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tests.lab.ground import TRIXIE, Ground, LabUnavailableError
from tests.lab.host import LabHost
from tests.vm.ask import PORT

HERE = Path(__file__).resolve().parent
EMULATOR = "qemu-system-x86_64"
MEMORY = "2G"
DISK = "4G"
"""More than what a host starts with; blocks that were never written take no room outside."""
SLOWER = 4.0
"""How many times as long as on other hosts a command may take, where the emulator runs it by itself."""
BOOT_TIMEOUT = 240.0
OFF_TIMEOUT = 120.0
_TAIL = 40
"""How many lines of the console tell what a machine did last."""
_QUIRKS = ("/etc/containers/containers.conf",)
"""What hosts in containers need, and a machine with a kernel of its own does not."""
_SYSTEMD = "TERM=dumb systemd.show_status=true systemd.getty_auto=no"
"""Nobody logs in on the console, which without udev is never there for systemd."""
_BY_PROCESSOR = ("-accel", "kvm", "-cpu", "max,-arch-capabilities", "-smp", "2")
"""Without a feature that KVM within a virtual machine often fails to set."""
_BY_ITSELF = ("-accel", "tcg", "-cpu", "max,-cx16,-la57", "-smp", "1")
"""One processor: a kernel that patches code which another one runs does not survive QEMU 7.2. And without
16-byte exchanges and 5-level paging, which cost time."""
_STARTING = ("", "initializing", "starting")
_PROBE_TIMEOUT = 20.0


class VirtualHost(LabHost):
    """One virtual machine; commands run there as on any other test host.

    Its files cannot be seen from outside while it runs: they are read and written by commands.
    """

    def __init__(  # noqa: PLR0913 (each is a different thing about a machine)
        self,
        ground: Ground,
        name: str,
        kernel: Path,
        *,
        suite: str = TRIXIE,
        layers: tuple[Path, ...] = (),
        furnish: Callable[[LabHost], None] = lambda _: None,
    ) -> None:
        """*furnish* puts on the machine what is too large to be written by commands."""
        self._kernel = kernel / "vmlinuz"
        self._emulator: subprocess.Popen[bytes] | None = None
        super().__init__(ground, name, suite=suite, layers=(*layers, kernel / "layer"))
        furnish(self)
        self._make_disk()

    # Power

    def boot(self) -> None:
        """Boot; return when systemd has started everything and the registry answers."""
        self._start_emulator()
        self._wait("systemd started everything", self._has_started)
        self._wait("the registry answers", self.registry_answers)

    def shutdown(self) -> None:
        """Power off in order, as `systemctl poweroff` does."""
        if self._emulator is None:
            return
        self.run("systemctl", "--no-block", "poweroff")
        try:
            self._emulator.wait(OFF_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise self._failure(f"was not off {OFF_TIMEOUT:.0f} s after poweroff") from None
        finally:
            self._cut()

    @property
    def is_up(self) -> bool:
        """Whether the machine is powered."""
        return self._emulator is not None and self._emulator.poll() is None

    def last_words(self) -> str:
        """Return what the machine's console, and the emulator itself, said last."""
        said = [path.read_text(errors="replace") for path in (self._said, self._console) if path.exists()]
        return "\n".join("".join(said).replace("\r", "").splitlines()[-_TAIL:])

    # Commands

    def run(
        self,
        *argv: str,
        check: bool = True,
        input: str | None = None,  # noqa: A002 (subprocess's own word)
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root and return what it said; it is given longer than on other hosts."""
        return super().run(*argv, check=check, input=input, env=env, timeout=timeout * SLOWER)

    @property
    def entering(self) -> list[str]:
        """The words before a command that let it run inside."""
        return [sys.executable, str(HERE / "ask.py"), self.address]

    def kill(self, process: subprocess.Popen[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Kill a command that was started with `start`; it can get no other signal."""
        if number is not signal.SIGKILL:
            raise ValueError(f"{number.name} does not reach a command on a virtual machine")
        process.kill()

    # Files

    def path(self, path: str) -> Path:
        """Return where *path* of the host is on the outside: nowhere, once there is a disk."""
        if self._disk.exists():
            raise ValueError(f"{path} is on the disk of a virtual machine, and cannot be seen outside of it")
        return super().path(path)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file, and the folders above it that are missing."""
        if self._disk.exists():
            self.run("install", "-D", f"--mode={mode:o}", "/dev/stdin", path, input=text)
        else:
            super().write(path, text, mode)

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self.run("cat", path).stdout

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""
        return self.run("test", "-e", path, check=False).returncode == 0

    # Network

    def disconnect(self) -> None:
        """Pull the network cable: a partition. No command gets there until it is back."""
        subprocess.run(["ip", "link", "set", self._card, "down"], check=True)

    def connect(self) -> None:
        """Put the network cable back."""
        subprocess.run(["ip", "link", "set", self._card, "up"], check=True)

    # Below

    @property
    def _disk(self) -> Path:
        return self._folder / "disk"

    @property
    def _console(self) -> Path:
        return self._folder / "console.log"

    @property
    def _said(self) -> Path:
        return self._folder / "emulator.log"

    @property
    def _card(self) -> str:
        """The other end of the network cable, outside: 15 characters at the most."""
        return f"bl{self.ground.slot.number}-{self.address.rpartition('.')[2]}"

    def _make_disk(self) -> None:
        """Make the disk of all that the host's root holds, and give up the root outside."""
        shutil.copytree(HERE / "root", self._merged, symlinks=True, dirs_exist_ok=True)
        for quirk in _QUIRKS:
            (self._merged / quirk.lstrip("/")).unlink()
        addresses = f"ADDRESS={self.address}/24\nGATEWAY={self.ground.slot.address(1)}\n"
        self.write("/etc/lab-network", addresses)
        make = ["mkfs.ext4", "-q", "-F", "-d", str(self._merged), str(self._disk), DISK]
        subprocess.run(make, check=True, env=os.environ | {"PATH": f"{os.environ['PATH']}:/sbin:/usr/sbin"})

    def _start_emulator(self) -> None:
        # What the machine has not flushed is lost with its power; what reached this one's memory is not.
        drive = f"if=none,id=disk,format=raw,file={self._disk},cache=unsafe"
        parameters = f"root=/dev/nvme0n1 rw console=ttyS0 quiet panic=-1 {_SYSTEMD}"
        command = [
            *("setpriv", "--pdeathsig", "KILL", "--"),  # it ends with the test run
            *(EMULATOR, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *accelerator(self._kernel),
            *("-m", MEMORY),
            *("-kernel", str(self._kernel), "-append", parameters),
            *("-serial", f"file:{self._console}"),
            *("-drive", drive, "-device", "nvme,drive=disk,serial=disk"),
            *("-netdev", f"tap,id=net,ifname={self._card},script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=net,mac={_hardware_address(self.address)}"),
            *("-device", "virtio-rng-pci"),
        ]
        with self._said.open("wb") as said:
            self._emulator = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self._wait("it has a network card", self._join_bridge)

    def _join_bridge(self) -> bool:
        if not Path("/sys/class/net", self._card).exists():
            return False
        subprocess.run(["ip", "link", "set", self._card, "master", self.ground.slot.bridge, "up"], check=True)
        return True

    def _has_started(self) -> bool:
        try:
            socket.create_connection((self.address, PORT), timeout=1).close()
        except OSError:
            return False
        # Units that failed make no difference: what a test needs, it looks at.
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() not in _STARTING

    def _wait(self, what: str, so: Callable[[], bool]) -> None:
        """Return as soon as *so*; a machine that is off or takes too long says what it did last."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        while not so():
            if not self.is_up:
                raise self._failure(f"ended before {what}")
            if time.monotonic() > deadline:
                raise self._failure(f"took longer than {BOOT_TIMEOUT:.0f} s until {what}")
            time.sleep(0.2)

    def _failure(self, what: str) -> RuntimeError:
        self._cut()
        said = self.last_words()
        return RuntimeError(f"the virtual machine {self.name} {what}; its console said last:\n{said}")

    def _cut(self) -> None:
        if self._emulator:
            self._emulator.kill()
            self._emulator.wait()
        self._emulator = None


@cache
def accelerator(kernel: Path) -> tuple[str, ...]:
    """Return the emulator's options for how it runs code: by the processor where that works, else by itself.

    BEACON_VM_ACCELERATOR=tcg has it done by itself everywhere.
    """
    chosen = os.environ.get("BEACON_VM_ACCELERATOR", "kvm")
    if chosen == "kvm" and os.access("/dev/kvm", os.R_OK | os.W_OK) and _boots(kernel, _BY_PROCESSOR):
        return _BY_PROCESSOR
    return _BY_ITSELF


def _boots(kernel: Path, options: tuple[str, ...]) -> bool:
    """Tell whether a machine with these options gets as far as to miss its disk.

    Within another virtual machine /dev/kvm may be there and fail at the first instructions.
    """
    command = [EMULATOR, *options, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]
    command += ["-serial", "stdio", "-kernel", str(kernel), "-append", "console=ttyS0 panic=-1"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as probe:
        limit = threading.Timer(_PROBE_TIMEOUT, probe.kill)
        limit.start()
        try:
            for line in probe.stdout or ():
                if b"Kernel panic" in line:
                    return b"root" in line
                if b"KVM internal error" in line:
                    return False
        finally:
            limit.cancel()
            probe.kill()
    return False


def make_kernel(suite: str = TRIXIE) -> Path:
    """Return the folder with a suite's kernel for virtual machines, made first when it is not there."""
    if platform.machine() != "x86_64":
        raise LabUnavailableError(f"virtual machines are x86_64, and this machine is {platform.machine()}")
    if shutil.which(EMULATOR) is None:
        raise LabUnavailableError(f"{EMULATOR} is missing; run make vm")
    made = subprocess.run([HERE / "make-kernel.sh", suite], stdout=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        raise LabUnavailableError("tests/vm/make-kernel.sh could not fetch a kernel")
    return Path(made.stdout.strip())


def _hardware_address(address: str) -> str:
    """Return a locally administered hardware address that is as unique as the IP address."""
    return ":".join(["52", "54", *(f"{int(part):02x}" for part in address.split("."))])
