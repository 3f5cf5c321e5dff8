"""What the owner defines. Every field corresponds to a key of a definition (beacon.toml(5))."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import astuple

from beacon.model.endpoints.network import Network
from beacon.model.image import Platform
from beacon.model.parts.job import Job
from beacon.model.parts.raw import RawDocker, RawPodman
from beacon.model.reference import ImageReference


class Protocol(StrEnum):
    """Transport of a published port."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class Port(Struct, frozen=True, order=True):
    """``[[port]]``: *container* published at *host_port* of *host_ip* ("" is every address).

    *host_port* None lets the engine choose one. A range is *count* ports from each start.
    """

    container: int
    host_port: int | None = None
    host_ip: str = ""
    protocol: Protocol = Protocol.TCP
    count: int = 1


class VolumeKind(StrEnum):
    """What a volume holds: what it is worth, and how it is copied."""

    CONFIG = "config"
    DATA = "data"
    DATABASE = "database"
    """Files that mean something only together, as at one moment."""
    MEDIA = "media"
    """Large files that the service only shows or fetches."""
    CACHE = "cache"
    """Made anew by itself."""
    LOG = "log"


class Volume(Struct, frozen=True, order=True):
    """``[[volume]]``: one of *name* (Beacon's own named volume), *host* (a path) or *external* at *path*."""

    path: str
    name: str | None = None
    host: str | None = None
    external: str | None = None
    read_only: bool = False
    options: tuple[str, ...] = ()
    kind: VolumeKind = VolumeKind.DATA
    """No part of what makes a release anew: no file of it says so."""


class Secret(Struct, frozen=True, order=True):
    """``[[secret]]``: what only the container is to know, as the variable *env* or as a file at *path*."""

    name: str
    env: str | None = None
    path: str | None = None
    uid: int | None = None
    gid: int | None = None
    mode: str | None = None
    """Octal, as chmod(1) takes it."""


class Scheme(StrEnum):
    """What the container speaks at the port of an endpoint."""

    HTTP = "http"
    HTTPS = "https"
    H2C = "h2c"
    TCP = "tcp"
    UDP = "udp"


class Unhealthy(StrEnum):
    """What becomes of an endpoint while its service is unhealthy or still starting."""

    WITHDRAW = "withdraw"
    MARK = "mark"
    IGNORE = "ignore"


class Handover(StrEnum):
    """How one release takes the place of another where requests come by the managed proxy."""

    SWAP = "swap"
    """The new one is started beside the old one, and gets the requests once it is healthy."""
    WAIT = "wait"
    """Requests wait while the unit is restarted."""
    NONE = "none"
    """The unit is restarted."""

    @classmethod
    def _missing_(cls, value: object) -> Handover | None:
        """Read the word that definitions and states had for it before: a hold is what an owner puts on."""
        return cls.WAIT if value == "hold" else None


YEAR = 31536000
"""In seconds: how long browsers keep to HTTPS where they are told to."""
FORWARD_HEADERS = ("Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name")


class Endpoint(Struct, frozen=True, order=True):
    """``[[endpoint]]``: a *domain*, and below it a *path*, that the container's *port* answers.

    *port* None is the only one that the image exposes. With *redirect*, requests are sent on to that domain
    or URL instead. *tls* None leaves it to what stands in front.
    """

    domain: str
    port: int | None = None
    path: str = "/"
    scheme: Scheme = Scheme.HTTP
    redirect: str | None = None
    tls: bool | None = None
    internal: bool = False
    health: Unhealthy = Unhealthy.WITHDRAW
    allow: tuple[str, ...] = ()
    """Addresses and networks that may ask; empty is everybody."""
    basic_auth: tuple[str, ...] = ()
    """``NAME:HASH`` of those who may ask, as htpasswd(1) and ``caddy hash-password`` make it (bcrypt)."""
    forward_auth: str | None = None
    """The URL that is asked whether a request may pass."""
    forward_headers: tuple[str, ...] = FORWARD_HEADERS
    """What that answers, to be passed on to the service."""
    hsts: bool = False
    compress: bool = True

    @property
    def is_restricted(self) -> bool:
        """Whether not everybody who reaches it may ask."""
        return bool(self.allow or self.basic_auth or self.forward_auth)


class HttpProbe(Struct, frozen=True):
    """``health.http``: GET *path* at the container's *port*; a status below 400 is healthy."""

    port: int
    path: str = "/"
    host: str | None = None
    """Whom it is for (RFC 9110, Host). None: the domain of an endpoint at that port, if there is one."""


class Health(Struct, frozen=True):
    """``[health]``: when a release stands. At most one of *command*, *http* and *tcp*.

    A command runs inside the container, again and again, by the engine. http and tcp are probed by Beacon
    from outside, during a rollout, because an image need not hold a client. Durations in seconds.
    """

    command: tuple[str, ...] | None = None
    """Exec form: the words. Shell form: ``("CMD-SHELL", line)``, as images write it."""
    http: HttpProbe | None = None
    tcp: int | None = None
    disable: bool = False
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    retries: int | None = None
    on_failure: HealthAction | None = None


class HealthAction(StrEnum):
    """What the engine does with a container that turns unhealthy (podman-run(1), --health-on-failure)."""

    NONE = "none"
    KILL = "kill"
    RESTART = "restart"
    STOP = "stop"


class RestartPolicy(StrEnum):
    """Restart= of systemd.service(5), as far as it makes sense for a container, and what it is for a job."""

    NO = "no"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    ONESHOT = "oneshot"
    """Not restarted, and up once its process has ended well: a job, such as a migration."""

    @property
    def is_never(self) -> bool:
        """Whether it stays down once it has ended."""
        return self in {RestartPolicy.NO, RestartPolicy.ONESHOT}


START_LIMIT = 5
START_INTERVAL = 300.0
"""What a start limit is where the owner says only half of it, in starts and seconds."""


class Restart(Struct, frozen=True):
    """``[restart]``: *delay* before each attempt; after *limit* starts in *interval* systemd gives up.

    None is what the owner leaves to Beacon: without *limit* and *interval* systemd never gives up, and where
    it can, the delay grows with each attempt.
    """

    policy: RestartPolicy = RestartPolicy.ALWAYS
    delay: float | None = None
    limit: int | None = None
    interval: float | None = None

    @property
    def said(self) -> Restart:
        """What the owner says of it.

        Beacon once recorded its defaults as if they were the owner's. Such a record is told by its interval,
        which is None by now where it is the usual one.
        """
        if self.interval != START_INTERVAL:
            return self
        delay = None if self.delay == _FORMER_DELAY else self.delay
        return Restart(self.policy, delay, None if self.limit == START_LIMIT else self.limit)

    @property
    def gives_up(self) -> tuple[int, float] | None:
        """The starts within so many seconds after which systemd gives up; None where it never does."""
        said = self.said
        if said.limit is None and said.interval is None:
            return None
        limit = START_LIMIT if said.limit is None else said.limit
        return limit, START_INTERVAL if said.interval is None else said.interval


_FORMER_DELAY = 1.0


class Stop(Struct, frozen=True):
    """``[stop]``: *signal* first, SIGKILL after *timeout* seconds."""

    timeout: float = 10.0
    signal: str | None = None


class Resources(Struct, frozen=True):
    """``[resources]``: limits of the unit (systemd.resource-control(5)). Memory in bytes, cpus in cores."""

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None
    io_weight: int | None = None


class Capabilities(Struct, frozen=True):
    """``[capabilities]``: names as in capabilities(7), with or without CAP_; ``all`` is allowed."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


TAG, PINNED = "tag", "pinned"
"""What ``update.follow`` says, if it is no range of versions."""


class Apply(StrEnum):
    """How an update comes about, once it is known."""

    AUTO = "auto"
    ASK = "ask"
    """It waits for its owner's word (``beacon approve``)."""


class UpdatePolicy(Struct, frozen=True):
    """``[update]``: what is followed, and when. Durations in seconds."""

    follow: str = TAG
    """``tag``, ``pinned``, or a version range such as ``^1.4``."""
    every: float = 0.0
    """At least this long between two checks; 0 is every run of the timer."""
    window: tuple[str, ...] = ()
    """Rollouts begin only within one of these: ``Sat,Sun 02:00-05:00`` in local time; empty is always."""
    min_age: float = 0.0
    """A digest must have been seen this long ago before it is rolled out."""
    settle: float = 10.0
    """Without a health check a release must run this long without a restart."""
    apply: Apply = Apply.AUTO
    """Whether its owner is asked first; where the definition does not say, its image and beacon.toml may."""

    @property
    def is_pinned(self) -> bool:
        """Whether nothing is followed."""
        return self.follow == PINNED

    @property
    def is_range(self) -> bool:
        """Whether the best tag of a range of versions is followed."""
        return self.follow not in {TAG, PINNED}


class Hooks(Struct, frozen=True):
    """``[hooks]``: commands that Beacon runs on the host around a rollout (argument lists, no shell).

    They get BEACON_SERVICE, BEACON_RELEASE, BEACON_IMAGE and BEACON_DIGEST. A failing *before_update*
    stops the rollout before anything has changed.
    """

    before_update: tuple[str, ...] = ()
    after_update: tuple[str, ...] = ()
    after_rollback: tuple[str, ...] = ()


class Service(Struct, frozen=True, eq=False):
    """A service: what a definition says, and with :mod:`beacon.definition.effective` what the image adds."""

    name: str
    image: ImageReference
    description: str = ""
    platform: Platform | None = None
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    user: str | None = None
    groups: tuple[str, ...] = ()
    userns: str | None = None
    """None: the engine's default, and for images that drop to PUID a mapping to the user who runs them."""
    workdir: str | None = None
    hostname: str | None = None
    init: bool | None = None
    """None: a small init unless the image brings its own."""
    read_only: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    env_files: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    domain: str = ""
    """Endpoints in the compact form, as the owner wrote it."""
    compat: bool = False
    ports: tuple[Port, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    handover: Handover | None = None
    """None: as it is best for the service (:func:`beacon.definition.endpoints.handover.handover_of`)."""
    drain: float = 30.0
    """Seconds that requests may take that are under way when a release is replaced."""
    drain_websockets: float = 10.0
    """The same for websockets, which mostly do not end by themselves."""
    volumes: tuple[Volume, ...] = ()
    tmpfs: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    """Beacon's own networks by name; or one of ``host``, ``none``, ``service:NAME``."""
    network: Mapping[str, Network] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    dns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    capabilities: Capabilities = field(default_factory=Capabilities)
    no_new_privileges: bool = False
    sysctls: Mapping[str, str] = field(default_factory=dict)
    ulimits: Mapping[str, str] = field(default_factory=dict)
    shm_size: int | None = None
    secrets: tuple[Secret, ...] = ()
    resources: Resources = field(default_factory=Resources)
    health: Health = field(default_factory=Health)
    restart: Restart = field(default_factory=Restart)
    stop: Stop = field(default_factory=Stop)
    update: UpdatePolicy = field(default_factory=UpdatePolicy)
    hooks: Hooks = field(default_factory=Hooks)
    jobs: tuple[Job, ...] = ()
    podman: RawPodman = field(default_factory=RawPodman)
    docker: RawDocker = field(default_factory=RawDocker)
    given: tuple[str, ...] = ()
    """Paths of the keys that the definition sets (``stop.timeout``), so that what it says wins over the
    image's labels even where it repeats a default. The one field that is no key itself, and the last."""

    @property
    def is_pinned(self) -> bool:
        """Whether it stays at its image: nothing is followed, or a digest is named."""
        return self.update.is_pinned or self.image.digest is not None

    @property
    def follows_range(self) -> bool:
        """Whether it follows the best tag of a range of versions."""
        return self.update.is_range and self.image.digest is None

    def __eq__(self, other: object) -> bool:
        """Say whether both are the same service, however much of it was left to defaults."""
        if not isinstance(other, Service):
            return NotImplemented
        return astuple(self)[:-1] == astuple(other)[:-1]

    def __ne__(self, other: object) -> bool:
        """Say the opposite: what msgspec's Struct has for this knows nothing of the above."""
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # Python's own way to say so: it holds maps
