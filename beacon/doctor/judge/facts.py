"""What is looked up of a machine; each check is judged from one of these."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from msgspec import Struct, field

from beacon.errors import Fault
from beacon.model.machine import Engine, EngineVersion
from beacon.registry.results import CheckResult


class Sandbox(Struct, frozen=True):
    """What of the file system a unit may write (systemd.exec(5), Sandboxing)."""

    system: str = "no"
    """ProtectSystem="""
    home: str = "no"
    """ProtectHome="""
    writable: tuple[str, ...] = ()
    """ReadWritePaths="""

    def may_write(self, path: PurePath) -> bool:
        """Say whether a program of the unit can write below *path*, a place for data."""
        if any(path.is_relative_to(place) for place in self.writable):
            return True
        is_home = any(path.is_relative_to(place) for place in _HOMES)
        return self.system != "strict" and (self.home == "no" or not is_home)


_HOMES = ("/home", "/root", "/run/user")


class UnitFacts(Struct, frozen=True):
    """A unit as ``systemctl show`` says of it; the values are systemd's own words."""

    name: str
    load: str = "not-found"
    active: str = "inactive"
    enabled: str = ""
    """UnitFileState; empty for units without [Install] or a file."""
    result: str = "success"
    exit_status: int = 0
    needs_reload: bool = False
    program: str = ""
    """The path of ExecStart=."""
    environment: Mapping[str, str] = field(default_factory=dict)
    left: int = 0
    """ActiveExitTimestampMonotonic, in microseconds; 0 where it never was active."""
    down: int = 0
    """InactiveEnterTimestampMonotonic, likewise."""
    sandbox: Sandbox = Sandbox()
    sub: str = ""
    up: int = 0
    """ActiveEnterTimestampMonotonic, in microseconds; 0 where it was not up in this boot."""


class SettingsFacts(Struct, frozen=True):
    """beacon.toml at *file*; *problem* says what is wrong with it."""

    file: str
    there: bool = False
    problem: str = ""


class EngineFacts(Struct, frozen=True):
    """The engines that are installed (*broken*: those that do not even say their version)."""

    settings: str
    """Where the choice of an engine is set."""
    configured: Engine | None = None
    chosen: Engine | None = None
    versions: Mapping[Engine, EngineVersion] = field(default_factory=dict)
    broken: Mapping[Engine, str] = field(default_factory=dict)
    runs: Mapping[str, Engine] = field(default_factory=dict)
    """Service → the engine that its installed unit needs."""
    let_through: str = ""
    """What lets docker's firewall pass what comes to Podman's containers, where it drops that."""
    filters_bridges: bool = False
    """Whether that firewall has a say between containers of one network, too."""


class ProxyFacts(Struct, frozen=True):
    """Caddy, and what it has to do with the endpoints of the services."""

    unit: UnitFacts
    domains: int = 0
    """How many endpoints it could answer."""
    installed: bool = False
    managed: bool = False
    """Whether Beacon's file is there."""
    imported: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    """Address of a site → why Caddy does not take it."""


class QuadletFacts(Struct, frozen=True):
    """Podman's generator of units, and what it has against the files that are installed."""

    version: EngineVersion
    has_generator: bool = True
    problems: tuple[str, ...] = ()


class DockerFacts(Struct, frozen=True):
    """docker's daemon; *problem* is what its command says where the daemon does not answer."""

    service: UnitFacts
    server: EngineVersion | None = None
    problem: str = ""
    went_down: tuple[str, ...] = ()
    """Services that stopped when the daemon last did, and are down."""


class InitFacts(Struct, frozen=True):
    """The small init of the engine: catatonit of Podman, docker-init of docker."""

    engine: Engine
    program: str
    found: str = ""
    users: tuple[str, ...] = ()
    """Services that are started with it."""


class ManagerFacts(Struct, frozen=True):
    """The service manager of the scope; *version* None where systemctl is not there."""

    version: int | None
    boots: bool = True
    """Whether systemd is the machine's first process (sd_booted(3))."""
    user: str = ""
    """Whose manager it is meant to be; empty for the machine's."""
    runs: bool = True


class CgroupFacts(Struct, frozen=True):
    """Control groups (cgroups(7)) that services can be limited with."""

    unified: bool
    controllers: frozenset[str] = frozenset()
    needed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Controller → the services whose definitions set a limit that needs it."""


class AccountFacts(Struct, frozen=True):
    """An ordinary user, as far as containers without root go; ids are how many subordinate ones there are."""

    name: str
    lingers: bool
    uids: int
    gids: int
    mappers: bool = True
    """Whether newuidmap(1) and newgidmap(1) are there."""


class PortFacts(Struct, frozen=True):
    """The lowest port that an ordinary user may listen on, and who wants a lower one."""

    lowest: int
    low: tuple[tuple[str, int], ...] = ()


class ClockFacts(Struct, frozen=True):
    """The clock; times are seconds since the epoch."""

    now: float
    newest: float
    """It cannot be earlier than this: *witness* is of that time."""
    witness: str
    synchronized: bool | None = None
    """None where nobody says (timedatectl(1))."""
    follows: bool = False
    """Whether a service that follows a time server is switched on."""
    container: str = ""
    """What kind of container the machine is, if any: its clock is another's."""


class DiskFacts(Struct, frozen=True):
    """A file system, by a folder on it that must have room; sizes in bytes."""

    path: str
    purpose: str
    size: int
    free: int
    inodes: int = 0
    free_inodes: int = 0


class StorageFacts(Struct, frozen=True):
    """Where images are, and the file systems that must have room."""

    driver: str
    disks: tuple[DiskFacts, ...]
    barred: tuple[str, ...] = ()
    """The units of Beacon that cannot write the folder of the images, *root*, for their sandbox."""
    root: str = ""


class RegistryFacts(Struct, frozen=True):
    """What the registries say of the followed references; *services* is who follows each."""

    results: Mapping[str, CheckResult]
    services: Mapping[str, tuple[str, ...]]
    registries: Mapping[str, str]
    """Reference → registry."""
    ranged: frozenset[str] = frozenset()
    """References of which the tag need not exist, because a range of versions is followed."""


class RegistryLogin(Struct, frozen=True):
    """A login that was found; *volatile* says that its file is gone after a reboot."""

    source: str
    volatile: bool = False


class LoginFacts(Struct, frozen=True):
    """The logins for one repository: what this shell finds, and what the timer's run does."""

    registry: str
    shell: RegistryLogin | None = None
    timer: RegistryLogin | None = None
    alike: bool = True
    elsewhere: tuple[str, ...] = ()
    """Files of other sessions and users that have a login, where neither of the two finds one."""


class LoginsFacts(Struct, frozen=True):
    """All of them."""

    logins: tuple[LoginFacts, ...]
    auth_file: str = ""
    """What beacon.toml names; *missing* where it is not there."""
    missing: bool = False
    problems: tuple[str, ...] = ()
    confined: tuple[str, ...] = ()
    """What the timer's unit alone meets."""


class AutoUpdateFacts(Struct, frozen=True):
    """Podman's own updater, and the services that carry its label."""

    timer: UnitFacts
    labelled: tuple[str, ...] = ()


class Program(Struct, frozen=True):
    """An executable called beacon; *ours* where it is this program."""

    path: str
    ours: bool


class SearchPath(Struct, frozen=True):
    """The programs called beacon in the order in which *who* finds them."""

    who: str
    programs: tuple[Program, ...]


class TimerFacts(Struct, frozen=True):
    """What makes services follow their images."""

    timer: UnitFacts
    update: UnitFacts
    program_there: bool = True
    services: int = 0


class StoreFacts(Struct, frozen=True):
    """A store that is published to, and why it does not answer."""

    where: str
    problem: str = ""
    hint: str = ""


class PublishingFacts(Struct, frozen=True):
    """The stores of beacon.toml, the service that publishes, and stores that were published to before."""

    stores: tuple[StoreFacts, ...] = ()
    unit: UnitFacts = UnitFacts("")
    left: tuple[str, ...] = ()


class DefinitionFacts(Struct, frozen=True):
    """The definitions, and what is wrong with them."""

    count: int
    faults: tuple[Fault, ...] = ()
    changed: tuple[str, ...] = ()
    unapplied: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """Services that are installed, and of which nothing is remembered."""
    unclear: tuple[str, ...] = ()
    """Services that were taken over, and whose definitions do not make the units that are there."""


class InstalledFile(Struct, frozen=True):
    """A unit file: the *service* of its mark (empty: shared, or no mark), and whether it is as written."""

    name: str
    service: str = ""
    marked: bool = True
    intact: bool = True
    defined: bool = False
    """Whether a definition asks for a file of that name."""


class ServiceFacts(Struct, frozen=True):
    """A service that is installed, and its unit."""

    name: str
    unit: UnitFacts
    file_there: bool = True
    lacked: bool = False
    """Whether it was not started, since a unit that it requires had failed."""
    jobs: tuple[UnitFacts, ...] = ()
    """Its jobs, and their timers."""


class TakenEndpoint(Struct, frozen=True):
    """An endpoint of a service that leads to another one, and why."""

    service: str
    claim: str
    problem: str
    mend: str


class ReleaseFacts(Struct, frozen=True):
    """A release that must be on disk."""

    service: str
    number: int
    image: str
    """By digest."""
    is_live: bool
    on_disk: bool = True


class FollowFacts(Struct, frozen=True):
    """Services that a new image does not reach."""

    quarantined: Mapping[str, str] = field(default_factory=dict)
    """Service → what the last check said of the image that is passed over."""
    held: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()


class UnnamedVolume(Struct, frozen=True):
    """A volume that Podman deletes with the container of *service*, which has its data there, at *path*."""

    service: str
    path: str
    volume: str


class StuckRollout(Struct, frozen=True):
    """A rollout that no process is at."""

    service: str
    release: int
    step: str = ""
    started: str = ""
    fault: str = ""
    """Why its record cannot be read."""
    mend: str = ""


class FileLeftovers(Struct, frozen=True):
    """Files that nothing needs."""

    undefined: tuple[str, ...] = ()
    """Services that are installed and remembered, without a definition."""
    orphans: tuple[str, ...] = ()
    """Paths of files with Beacon's mark, of services that are neither defined nor remembered."""
    unfinished: tuple[str, ...] = ()
    """Paths of what killed writes left."""
    drop_ins: tuple[str, ...] = ()
    """Paths of drop-in folders of services that are gone."""


class EngineLeftovers(Struct, frozen=True):
    """Containers, volumes and names of images, of services that are gone."""

    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
