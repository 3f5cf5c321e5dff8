"""Sheets of plain ``.service`` files: what a service needs, as the words of ``podman run``.

Where there is no Quadlet (Podman before 4.4) Beacon writes what Quadlet would have made. The ``:`` before the
command keeps systemd from expanding ``$`` (systemd.service(5), COMMAND LINES); ``%`` is doubled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from beacon.model.machine import Engine, EngineVersion, Scope
from beacon.model.reference import ImageReference
from beacon.model.service import Service
from beacon.model.unit import service_files
from beacon.units.directives import OPTIONS, Section, Sheet, Words, at_addresses
from beacon.units.quoting import InexpressibleError, as_json, encode_argument

_SINCE: Final[Mapping[str, EngineVersion]] = {
    "HealthOnFailure": EngineVersion(4, 3),
    "HealthStartupCmd": EngineVersion(4, 4),
}
"""Keys whose option came late, with the first Podman that knows it (RELEASE_NOTES.md of Podman)."""

_PODMAN: Final = "/usr/bin/podman"
_PID: Final = "%t/%N.pid"
_READY: Final = f"pid=$(cat {_PID}) && rm {_PID} && exec systemd-notify --ready --pid=$pid"
_START: Final = f"""/bin/sh -c 'trap exit TERM; "$@" && {_READY}' sh"""
"""Lets a ``podman run`` that is told to stop meanwhile do its work to the end.

One of Podman 4.3 that dies by SIGTERM leaves its port of the host leading to an address that no container
has, and so does the next container at that port: the first rule counts. The shell itself says when it is
ready: systemd does not know whose word it is when a process is gone before it is heard (sd_notify(3)).
"""
ONCE: Final = ("Type=oneshot", "RemainAfterExit=yes")
_LISTS: Final = {"command", "podman.args", "docker.args"}


class PodmanSheet(Sheet):
    """A plain unit that runs Podman as Quadlet has it run."""

    def __init__(self, version: EngineVersion, file: str) -> None:
        super().__init__(version, file)
        self.options: list[str] = []
        """Encoded words before the image."""
        self.last: list[str] = []
        """The image and all that follows it."""
        self.holds_start = False
        self.runs_once = False

    @property
    def waits_for_health(self) -> bool:
        """Every plain unit waits, by ``beacon wait-healthy``."""
        return True

    def has(self, key: str) -> bool:
        """Say whether the engine can do what *key* of [Container] asks for."""
        first = _SINCE.get(key)
        return first is None or self.version >= first

    # What a service needs

    def option(self, key: str, value: str, path: str) -> None:
        """Add the option of ``podman run`` that does what *key* does."""
        self.word(OPTIONS[key].word(value), path)

    def pair(self, key: str, name: str, value: str, path: str) -> None:
        """Add ``name=value``."""
        self.word(f"{OPTIONS[key].flag}={name}={value}", path)

    def argument(self, flag: str, value: str, path: str) -> None:
        """Add ``flag=value``."""
        self.word(f"{flag}={value}", path)

    def word(self, word: str, path: str) -> None:
        """Add a word before the image."""
        self._encode(self.options, [word], path)

    def image(self, image: ImageReference) -> None:
        """Say what is run."""
        self.last.insert(0, str(image))

    def process(self, image: Words, entrypoint: Words, command: Words) -> None:
        """Say what the container runs."""
        del image
        if entrypoint is not None:
            self.argument("--entrypoint", as_json(entrypoint) if entrypoint else "", "entrypoint")
        self.command(command or (), "command")

    def command(self, words: Iterable[str], path: str) -> None:
        """Say what follows the image."""
        self._encode(self.last, words, path)

    def user(self, text: str) -> None:
        """Say as which user the container runs."""
        self.argument("--user", text, "user")

    def file_of(self, service: str) -> str:
        """Return what the file is called that this sheet becomes."""
        return service_files(service)[1]

    def folder(self, scope: Scope, *, beside: bool) -> str:
        """Return the folder of that file; what runs *beside* the live release is forgotten with a boot."""
        return f"{'%t' if beside else '%E'}/systemd/{scope.value}"

    def environment_file(self, name: str, folder: str) -> None:
        """Have the engine read the environment from the file *name* in *folder*."""
        self.options.append(f"--env-file={folder}/{name}")

    def networks(
        self, networks: Mapping[str, str], alias: str, addresses: Mapping[str, tuple[str, ...]]
    ) -> None:
        """Join Beacon's own networks."""
        for name, path in networks.items():
            self.option("Network", f"{name}{at_addresses(addresses.get(name, ()))}", path)
            self.needs(f"{name}-network.service")
        if networks:
            self.option("NetworkAlias", alias, "networks")

    def volume(self, name: str) -> tuple[str, str]:
        """Have the volume *name* made first."""
        self.needs(f"{name}-volume.service")
        return name, name

    def hold_start(self, *, by_owner: bool) -> None:
        """Let a start last until the check has passed."""
        del by_owner  # Notify= is Quadlet's
        self.holds_start = True

    def run_once(self) -> None:
        """Have a start last until the process has ended, and the unit be up after that."""
        self.runs_once = True

    def finish(self, service: Service) -> None:
        """Add what the owner says in Podman's own words."""
        podman = service.podman
        self._encode(self.options, podman.args, "podman.args")
        for key in podman.container:
            problem = f"needs Quadlet, and this machine has {self.engine} {self.version}; use podman.args"
            self.fault(f"podman.container.{key}", problem)
        self.raw(Section.UNIT, podman.unit, "podman.unit")
        self.raw(Section.SERVICE, podman.service, "podman.service")

    # What the engine needs around it

    def needs(self, unit: str) -> None:
        """Have *unit* up first."""
        self.add(Section.UNIT, "Requires", unit)
        self.add(Section.UNIT, "After", unit)

    def engine_unit(self) -> list[str]:
        """Return what any unit that calls the engine says in [Unit]."""
        return ["RequiresMountsFor=%t/containers"]

    def engine_service(self, name: str, scope: Scope) -> list[str]:
        """Return how the container of *name* is started and stopped, for [Service]."""
        remove = f"{_PODMAN} rm --volumes --force --ignore --cidfile=%t/%N.cid"
        files = f"--cidfile=%t/%N.cid --conmon-pidfile={_PID}"
        fixed = f"{files} --replace --rm --cgroups=split --sdnotify=ignore"
        run, fixed = (
            (f"{_PODMAN} run", fixed) if self.runs_once else (f"{_START} {_PODMAN} run", f"{fixed} --detach")
        )
        return [
            *(ONCE if self.runs_once else ("Type=notify", "NotifyAccess=all")),
            "Environment=PODMAN_SYSTEMD_UNIT=%n",
            "SyslogIdentifier=%N",
            "KillMode=mixed",
            "Delegate=yes",
            # Podman 4.3 refuses a file that a power cut left behind.
            "ExecStartPre=/bin/rm -f %t/%N.cid",
            self.command_line(run, fixed.split()),
            *([wait_healthy(Engine.PODMAN, name, scope)] if self.holds_start else []),
            f"ExecStop={remove}",
            f"ExecStopPost=-{remove}",
        ]

    def make_volume(self, name: str, labels: Iterable[str]) -> str:
        """Return the command that makes a volume where there is none."""
        make = f"{_PODMAN} volume create {' '.join(labels)} {name}"
        return f"/bin/sh -c '{_PODMAN} volume exists {name} || exec {make}'"

    def make_network(self, name: str, labels: Iterable[str]) -> str:
        """Return the command that makes a network where there is none."""
        make = f"{_PODMAN} network create {' '.join(labels)} {name}"
        return f"/bin/sh -c '{_PODMAN} network exists {name} || exec {make}'"

    def slice_limits(self) -> list[str] | None:
        """Return the limits of the slice that holds the container, where it has one of its own."""
        return None

    def command_line(self, command: str, fixed: Iterable[str]) -> str:
        """Return ExecStart=, one option a line; *command* and *fixed* are right as they stand."""
        lines = [f"ExecStart=:{command}", *fixed, *self.options, " ".join(self.last)]
        return " \\\n    ".join(lines)

    def _encode(self, target: list[str], words: Iterable[str], path: str) -> None:
        for index, word in enumerate(words):
            try:
                target.append(encode_argument(path, word))
            except InexpressibleError as error:
                self.refuse(f"{path}[{index}]" if path in _LISTS else path, error)


def wait_healthy(engine: Engine, name: str, scope: Scope) -> str:
    """Return the directive that holds a start until the container is healthy.

    With ``-``, because services must start without Beacon too: where the command is missing or broken, the
    start is done as soon as the process runs. It never fails a start: a container that ends is noticed by
    systemd, and one that does not get healthy by TimeoutStartSec=.
    """
    user = " --user" if scope is Scope.USER else ""
    return f"ExecStartPost=-beacon{user} wait-healthy --engine={engine} {name}"
