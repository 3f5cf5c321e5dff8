"""Directives of a unit file, each written by the rules of its key and of the installed Podman."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum

from msgspec import Struct

from beacon.errors import Fault
from beacon.model.machine import EngineVersion, Scope
from beacon.model.parts.raw import Directives
from beacon.model.reference import ImageReference
from beacon.model.sensitive import SecretVersion
from beacon.model.service import Health, Secret, Service, Volume
from beacon.model.unit import UnitFile, service_files
from beacon.units.quoting import (
    InexpressibleError,
    Parser,
    as_json,
    encode_directive,
    encode_pair,
    encode_raw,
    encode_word,
)
from beacon.units.versions import (
    CREATES_BY_NAME,
    KEYS,
    NOTIFY_HEALTHY,
    SDNOTIFY_HEALTHY,
    USER_BY_NAME,
    first_version,
    is_known,
)

Words = tuple[str, ...] | None

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class Directive(Struct, frozen=True):
    """One line of a section; *value* is encoded."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class Section(StrEnum):
    """The sections that Beacon writes."""

    UNIT = "Unit"
    CONTAINER = "Container"
    SERVICE = "Service"
    INSTALL = "Install"


class Option(Struct, frozen=True):
    """How Quadlet reads a key of [Container], and the option of ``podman run`` that does the same."""

    parser: Parser
    flag: str
    switch: str | None = None
    """The whole option that stands for ``true``; ``flag=false`` is its opposite."""

    def word(self, value: str) -> str:
        """Return the word of a command line that says *value*."""
        if self.switch is not None and value == "true":
            return self.switch
        return f"{self.flag}={value}"


OPTIONS: Mapping[str, Option] = {
    "AddCapability": Option(Parser.STRV, "--cap-add"),
    "AddDevice": Option(Parser.STRV, "--device"),
    "AddHost": Option(Parser.ALL, "--add-host"),
    "ContainerName": Option(Parser.ONE, "--name"),
    "DNS": Option(Parser.ALL, "--dns"),
    "DropCapability": Option(Parser.STRV, "--cap-drop"),
    "Entrypoint": Option(Parser.ONE, "--entrypoint"),
    "Environment": Option(Parser.KEYVAL, "--env"),
    "EnvironmentFile": Option(Parser.ARGS, "--env-file"),
    "Group": Option(Parser.ONE, "--group"),
    "GroupAdd": Option(Parser.ALL, "--group-add"),
    "HealthCmd": Option(Parser.ONE, "--health-cmd"),
    "HealthInterval": Option(Parser.ONE, "--health-interval"),
    "HealthOnFailure": Option(Parser.ONE, "--health-on-failure"),
    "HealthRetries": Option(Parser.ONE, "--health-retries"),
    "HealthStartPeriod": Option(Parser.ONE, "--health-start-period"),
    "HealthStartupCmd": Option(Parser.ONE, "--health-startup-cmd"),
    "HealthStartupInterval": Option(Parser.ONE, "--health-startup-interval"),
    "HealthStartupRetries": Option(Parser.ONE, "--health-startup-retries"),
    "HealthStartupTimeout": Option(Parser.ONE, "--health-startup-timeout"),
    "HealthTimeout": Option(Parser.ONE, "--health-timeout"),
    "HostName": Option(Parser.ONE, "--hostname"),
    "Label": Option(Parser.KEYVAL, "--label"),
    "Network": Option(Parser.ALL, "--network"),
    "NetworkAlias": Option(Parser.ALL, "--network-alias"),
    "NoNewPrivileges": Option(Parser.ONE, "--security-opt", "--security-opt=no-new-privileges"),
    "PidsLimit": Option(Parser.ONE, "--pids-limit"),
    "PublishPort": Option(Parser.ALL, "--publish"),
    "Pull": Option(Parser.ONE, "--pull"),
    "ReadOnly": Option(Parser.ONE, "--read-only", "--read-only"),
    "RunInit": Option(Parser.ONE, "--init", "--init"),
    "Secret": Option(Parser.ARGS, "--secret"),
    "ShmSize": Option(Parser.ONE, "--shm-size"),
    "StopSignal": Option(Parser.ONE, "--stop-signal"),
    "StopTimeout": Option(Parser.ONE, "--stop-timeout"),
    "Sysctl": Option(Parser.STRV, "--sysctl"),
    "Tmpfs": Option(Parser.ALL, "--tmpfs"),
    "Ulimit": Option(Parser.ALL, "--ulimit"),
    "User": Option(Parser.ONE, "--user"),
    "UserNS": Option(Parser.ONE, "--userns"),
    "Volume": Option(Parser.ALL, "--volume"),
    "WorkingDir": Option(Parser.ONE, "--workdir"),
}

_REFUSED: Mapping[tuple[Section, str], str] = {
    (Section.CONTAINER, "AutoUpdate"): "must not be set: updates are Beacon's, and podman auto-update would "
    "undo a rollback",
    (Section.CONTAINER, "Image"): "must not be set: a release pins its image; use the key image",
    (Section.CONTAINER, "ContainerName"): "must not be set: Beacon finds its containers by their names",
    (Section.CONTAINER, "ServiceName"): "must not be set: Beacon finds its units by their names",
}


class Sheet:
    """A unit file in the making: its sections, and everything that cannot be written into it.

    This one is Quadlet's; those of plain units (beacon.units.plain) say the same to an engine's command line.
    """

    engine = "Podman"
    keeps_line_ends = False
    """Whether CR LF in a variable is still that once the engine's command line was read."""

    def __init__(self, version: EngineVersion, file: str) -> None:
        self.version = version
        self.file = file
        self.sections: dict[Section, list[Directive]] = {section: [] for section in Section}
        self.arguments: list[Directive] = []
        """PodmanArgs= lines: at the end of [Container], because the last of an option counts."""
        self.faults: list[Fault] = []
        self.files: list[UnitFile] = []
        """What the unit reads besides: its environment, where that is private."""

    @property
    def waits_for_health(self) -> bool:
        """Whether a start lasts until the health check has passed."""
        return self.version >= SDNOTIFY_HEALTHY

    def has(self, key: str) -> bool:
        """Say whether the engine can do what *key* of [Container] asks for."""
        del key
        return True

    def lines(self, section: Section) -> list[str]:
        """Return the directives of *section* as text."""
        return [str(directive) for directive in self.sections[section]]

    def fault(self, path: str, problem: str) -> None:
        """Note what is wrong with the definition's key *path*."""
        self.faults.append(Fault(self.file, path, problem))

    def refuse(self, path: str, error: InexpressibleError) -> None:
        """Note a value that can be written in no way; it may be a secret, and is not said."""
        self.fault(path, f"cannot be passed on to {self.engine}: it is, or holds, {error.reason}")

    def add(self, section: Section, key: str, value: str) -> None:
        """Add a directive whose value is right as it stands."""
        self.sections[section].append(Directive(key, value))

    def option(self, key: str, value: str, path: str) -> None:
        """Add a value of [Container]; as an argument of ``podman run`` where the key cannot hold it."""
        option = OPTIONS[key]
        if is_known(Section.CONTAINER, key, self.version):
            try:
                self.add(Section.CONTAINER, key, encode_directive(option.parser, key, value, self.version))
            except InexpressibleError:
                pass
            else:
                return
        self.argument(option.flag, value, path)

    def pair(self, key: str, name: str, value: str, path: str) -> None:
        """Add ``name=value`` to a key that holds pairs."""
        try:
            self.add(Section.CONTAINER, key, encode_pair(key, name, value))
        except InexpressibleError as error:
            self.refuse(path, error)

    def hand_on(self, secret: Secret, place: str, version: SecretVersion, path: str) -> bool:
        """Give the container a secret without the engine's store, at *place* if not as a variable.

        False if the engine can be told of it.
        """
        del secret, place, version, path
        return False

    def argument(self, flag: str, value: str, path: str) -> None:
        """Add ``flag=value`` as an argument of ``podman run``, which can hold anything but NUL."""
        try:
            self.arguments.append(Directive("PodmanArgs", encode_word(flag, f"{flag}={value}")))
        except InexpressibleError:
            self.refuse(path, InexpressibleError(flag, value, "a NUL character"))

    def image(self, image: ImageReference) -> None:
        """Say what is run."""
        # Registries, repositories and digests have no character that any parser treats (model.reference).
        self.add(Section.CONTAINER, "Image", str(image))

    def process(self, image: Words, entrypoint: Words, command: Words) -> None:
        """Say what the container runs: *entrypoint* (None leaves it at the *image*'s) and *command*."""
        if any(word in {"", ";"} for word in command or ()):
            # Exec= cannot hold these words; an entrypoint can, as JSON: it takes the whole command line.
            start = image if entrypoint is None else entrypoint
            self.option("Entrypoint", as_json((*(start or ()), *(command or ()))), "command")
            return
        if entrypoint:
            self.option("Entrypoint", as_json(entrypoint), "entrypoint")
        elif entrypoint is not None:
            self.argument("--entrypoint", "", "entrypoint")
        if command:
            line = self.words("Exec", command, "command")
            if line is not None:
                self.add(Section.CONTAINER, "Exec", line)

    def user(self, text: str) -> None:
        """Say as which user, or ``user:group``, the container runs."""
        user, _, group = text.partition(":")
        if self.version < USER_BY_NAME or not user or (":" in text and not group):
            self.argument("--user", text, "user")
            return
        try:
            values = [("User", encode_raw("User", user))]
            if group:
                values.append(("Group", encode_raw("Group", group)))
        except InexpressibleError:
            self.argument("--user", text, "user")
            return
        for key, value in values:
            self.add(Section.CONTAINER, key, value)

    def file_of(self, service: str) -> str:
        """Return what the file is called that this sheet becomes."""
        return service_files(service)[0]

    def folder(self, scope: Scope, *, beside: bool) -> str:
        """Return the folder of that file, as systemd is told it (systemd.unit(5), SPECIFIERS)."""
        del scope, beside
        return "%E/containers/systemd"

    def environment_file(self, name: str, folder: str) -> None:
        """Have the engine read the environment from the file *name* beside this one, in *folder*."""
        del folder  # Quadlet looks beside the unit's file itself
        self.add(Section.CONTAINER, "EnvironmentFile", name)

    def networks(
        self, networks: Mapping[str, str], alias: str, addresses: Mapping[str, tuple[str, ...]]
    ) -> None:
        """Join Beacon's own networks (by their names for the engine; with the key of each) as *alias*.

        *addresses* are those that the service has there, by the same names.
        """
        for name, path in networks.items():
            self.option("Network", f"{name}.network{at_addresses(addresses.get(name, ()))}", path)
        if networks:
            self.option("NetworkAlias", alias, "networks")

    def volume(self, name: str) -> tuple[str, str]:
        """Have the volume *name* made first; return how Volume= names it, and how everything else does.

        Before 4.7 a volume of a file would get another name than from 4.7 on, and an upgrade of Podman would
        start the service on an empty one; so there podman makes it on first use, under the right name.
        """
        return (f"{name}.volume" if self.version >= CREATES_BY_NAME else name), name

    def prefers_mount(self, volume: Volume, options: tuple[str, ...]) -> bool:
        """Say whether *volume* is better written as ``--mount`` though Volume= can hold it."""
        del volume, options
        return False

    def takes_mount_option(self, option: str, *, mount: bool) -> bool:
        """Say whether the engine knows *option* of a volume, or of a *mount*."""
        del option, mount
        return True

    def without_health(self) -> None:
        """Have the engine not even run the image's check."""
        self.option("HealthCmd", "none", "health.disable")

    def health_command(self, health: Health, line: str, *, own_check: bool) -> None:
        """Have the engine run a check, which is *line* for ``--health-cmd`` of Podman.

        Podman ignores the check of an OCI image, so that an image's own is said as well.
        """
        del health, own_check
        self.option("HealthCmd", line, "health.command")

    def hold_start(self, *, by_owner: bool) -> None:
        """Let a start last until the check has passed, unless the owner says what is waited for."""
        if by_owner:
            return
        if self.version >= NOTIFY_HEALTHY:
            self.add(Section.CONTAINER, "Notify", "healthy")
        elif self.version >= SDNOTIFY_HEALTHY:
            self.argument("--sdnotify", "healthy", "health.command")

    def run_once(self) -> None:
        """Have a start last until the process has ended, and the unit be up after that."""
        self.add(Section.SERVICE, "Type", "oneshot")
        self.add(Section.SERVICE, "RemainAfterExit", "yes")

    def limits(self, limits: Mapping[str, str]) -> None:
        """Limit what the container may use, by directives of systemd.resource-control(5).

        Podman limits processes by itself too, to 2048 (containers.conf(5), pids_limit), which may be less. It
        is told not to: any number but 0 needs the controller pids, and where the machine is not given that,
        the container would not start, while the unit's limit is just idle.
        """
        for key, value in limits.items():
            self.add(Section.SERVICE, key, value)
        if "TasksMax" in limits:
            self.option("PidsLimit", "0", "resources.pids")

    def words(self, key: str, words: Iterable[str], path: str) -> str | None:
        """Return *words* as one line of arguments, or None after noting which cannot be written."""
        line: list[str] = []
        good = True
        for index, word in enumerate(words):
            try:
                line.append(encode_word(key, word))
            except InexpressibleError as error:
                self.refuse(f"{path}[{index}]", error)
                good = False
        return " ".join(line) if good and line else None

    def finish(self, service: Service) -> None:
        """Add what comes last: what the owner says in the engine's own words."""
        podman = service.podman
        self.sections[Section.CONTAINER] += self.arguments
        line = self.words("PodmanArgs", podman.args, "podman.args")
        if line is not None:
            self.add(Section.CONTAINER, "PodmanArgs", line)
        self.raw(Section.CONTAINER, podman.container, "podman.container")
        self.raw(Section.UNIT, podman.unit, "podman.unit")
        self.raw(Section.SERVICE, podman.service, "podman.service")

    def raw(self, section: Section, directives: Directives, path: str) -> None:
        """Add the owner's own directives, as they stand."""
        for key, values in directives.items():
            problem = self._raw_key_problem(section, key)
            for index, value in enumerate(values):
                problem = problem or _raw_value_problem(key, value)
                if problem is not None:
                    place = f"{path}.{key}[{index}]" if len(values) > 1 else f"{path}.{key}"
                    self.fault(place, problem)
                    break
                self.add(section, key, value)

    def _raw_key_problem(self, section: Section, key: str) -> str | None:
        refused = _REFUSED.get((section, key))
        if refused is not None:
            return refused
        if not _KEY.fullmatch(key):
            return f"must be the name of a directive, not {key!r}"
        if section is not Section.CONTAINER or is_known(section, key, self.version):
            return None
        return unknown_key(section, key, self.version)


def at_addresses(addresses: tuple[str, ...]) -> str:
    """Return what stands behind a network in ``--network`` for fixed addresses; nothing without any."""
    return f":{','.join(f'ip={one}' for one in addresses)}" if addresses else ""


def unknown_key(section: str, key: str, version: EngineVersion) -> str:
    """Say in a sentence why Podman *version* does not take *key* in *section*."""
    first = first_version(section, key)
    if first is not None and first > version:
        return f"needs Podman {first.major}.{first.minor}, and this machine has {version}"
    close = get_close_matches(key, KEYS.get(section, {}), n=1)
    suggestion = f"; did you mean {close[0]!r}?" if close else ""
    return f"is no key of [{section}] that Podman {version} knows{suggestion}"


def _raw_value_problem(key: str, value: str) -> str | None:
    if any(character in value for character in "\n\r\0"):
        return "must be one line"
    if value.endswith("\\"):
        return "must not end in a backslash, which would join it with the next line"
    if key == "RestartMode" and value.strip() == "direct":
        return "must not be direct: a start of a service that never becomes ready would never end"
    return None
