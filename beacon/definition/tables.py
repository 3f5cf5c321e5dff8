"""The tables inside a definition as pydantic models, and the types of their keys.

Imported only when something is decoded, because pydantic costs every process that imports it. The
descriptions become the JSON Schema of ``beacon schema``.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from beacon.definition import domains, grammar, values
from beacon.model.service import FORWARD_HEADERS, HealthAction, Protocol, RestartPolicy, Scheme, Unhealthy


class Problems(ValueError):  # noqa: N818 -- several faults of one table, on their way through pydantic
    """What is wrong with the keys of one table: (key, problem) pairs; an empty key is the table itself."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__("; ".join(problem for _, problem in problems))
        self.problems = problems


def words_schema() -> WithJsonSchema:
    """Return the JSON Schema of a string or a list of them."""
    return WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})


def _range(low: int, high: int) -> tuple[PlainValidator, WithJsonSchema]:
    return (
        PlainValidator(partial(grammar.integer, low=low, high=high)),
        WithJsonSchema({"type": "integer", "minimum": low, "maximum": high}),
    )


def either(*types: str) -> WithJsonSchema:
    """Return the JSON Schema of a value of one of *types*."""
    return WithJsonSchema({"type": list(types)})


def _enum(choices: type[Protocol | RestartPolicy | HealthAction | Scheme | Unhealthy]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [str(choice) for choice in choices]})


STRING = WithJsonSchema({"type": "string"})
__NUMBER_OR_STRING = either("string", "number")

Line = Annotated[str, PlainValidator(grammar.line), STRING]
Word = Annotated[str, PlainValidator(grammar.word), STRING]
Scalar = Annotated[str, PlainValidator(grammar.scalar), either("string", "number", "boolean")]
Boolean = Annotated[bool, PlainValidator(grammar.boolean), WithJsonSchema({"type": "boolean"})]
Duration = Annotated[float, PlainValidator(grammar.duration), __NUMBER_OR_STRING]
TimeOfCheck = Annotated[float, PlainValidator(values.time_of_check), __NUMBER_OR_STRING]
Size = Annotated[int, PlainValidator(grammar.size), either("string", "integer")]
Words = Annotated[tuple[str, ...], PlainValidator(grammar.words), words_schema()]
PortNumber = Annotated[int, *_range(1, grammar.MAX_PORT)]
EnvName = Annotated[str, PlainValidator(grammar.env_name), STRING]
AbsolutePath = Annotated[str, PlainValidator(grammar.absolute_path), STRING]
MountPoint = Annotated[str, PlainValidator(grammar.mount_point), STRING]
User = Annotated[str, PlainValidator(values.user), either("string", "integer")]
Directives = dict[
    Annotated[str, PlainValidator(values.directive_name), STRING],
    Annotated[tuple[str, ...], PlainValidator(values.directives), words_schema()],
]
EngineName = Annotated[
    str,
    PlainValidator(
        values.pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "a name of letters, digits, '_', '.' and '-'"),
    ),
    STRING,
]


class Table(BaseModel):
    """A table of a definition: no key that is not known, and no change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        """Return itself, which is frozen: pydantic copies the default of each table that is left out."""
        return self


class PortTable(Table):
    """A port of the container that is published on the host."""

    host: Annotated[
        tuple[str, int | None, int] | None,
        PlainValidator(grammar.host_port),
        either("string", "integer"),
        Field(description='Where it is published: 8080, "127.0.0.1:8080". Default: chosen by the engine.'),
    ] = None
    container: Annotated[
        tuple[int, int, Protocol | None],
        PlainValidator(grammar.container_port),
        either("string", "integer"),
        Field(description='The port inside the container: 8080, "8080/udp" or "8000-8010".'),
    ]
    protocol: Annotated[
        Protocol | None,
        PlainValidator(values.one_of(Protocol)),
        _enum(Protocol),
        Field(
            description="tcp, udp or sctp; may be written behind the container's port instead. Default: tcp."
        ),
    ] = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        written, count = self.container[2], self.container[1]
        if written and self.protocol and written != self.protocol:
            raise Problems(("protocol", f"must agree with container ({written}), not {str(self.protocol)!r}"))
        if self.host and self.host[1] is not None and self.host[2] != count:
            raise Problems(("host", f"must be as many ports as container ({count}), not {self.host[2]}"))
        return self


class EndpointTable(Table):
    """A domain that the service answers."""

    domain: Annotated[
        str,
        PlainValidator(domains.domain_name),
        STRING,
        Field(description="The domain; *.example.org is every name below it."),
    ]
    port: Annotated[
        PortNumber | None,
        Field(description="The container's port that answers. Default: the only one that the image exposes."),
    ] = None
    path: Annotated[
        str,
        PlainValidator(values.path_prefix),
        STRING,
        Field(description="Where it begins: this path and all below it."),
    ] = "/"
    scheme: Annotated[
        Scheme,
        PlainValidator(values.one_of(Scheme)),
        _enum(Scheme),
        Field(description="What the container speaks there: http, https, h2c, tcp or udp."),
    ] = Scheme.HTTP
    redirect: Annotated[
        str | None,
        PlainValidator(domains.redirect_target),
        STRING,
        Field(description="A domain or URL that requests are sent on to, instead of a port."),
    ] = None
    tls: Annotated[
        Boolean | None,
        Field(
            description="Whether it is for HTTPS or for plain HTTP alone. Default: what is in front decides."
        ),
    ] = None
    internal: Annotated[Boolean, Field(description="Whether it is for this machine's own network alone.")] = (
        False
    )
    health: Annotated[
        Unhealthy,
        PlainValidator(values.one_of(Unhealthy)),
        _enum(Unhealthy),
        Field(
            description="While the service is unhealthy or starting: withdraw it, mark it, or ignore that."
        ),
    ] = Unhealthy.WITHDRAW
    allow: Annotated[
        list[Annotated[str, PlainValidator(values.client_network), STRING]],
        Field(description="Addresses and networks that may ask. Default: everybody."),
    ] = []
    basic_auth: Annotated[
        list[Annotated[str, PlainValidator(values.login), STRING]],
        Field(description="Who may ask, as NAME:HASH; caddy hash-password makes the hash."),
    ] = []
    forward_auth: Annotated[
        str | None,
        PlainValidator(domains.asked_url),
        STRING,
        Field(description="A URL that is asked whether a request may pass."),
    ] = None
    forward_headers: Annotated[
        list[Annotated[str, PlainValidator(values.pattern(r"[A-Za-z0-9-]+", "a header's name")), STRING]],
        Field(description="What that answers, to be passed on: Remote-User and the like."),
    ] = list(FORWARD_HEADERS)
    hsts: Annotated[Boolean, Field(description="Whether browsers are told to come by HTTPS only.")] = False
    compress: Annotated[Boolean, Field(description="Whether answers are compressed on their way.")] = True

    @model_validator(mode="after")
    def _agree(self) -> Self:
        problems = []
        if self.scheme in {Scheme.TCP, Scheme.UDP}:
            given = [key for key in ("redirect", "tls", "forward_auth") if getattr(self, key) is not None]
            given += ["path"] if self.path != "/" else []
            given += [key for key in ("allow", "basic_auth", "hsts") if getattr(self, key)]
            problems += [(key, f"must not be given with scheme {str(self.scheme)!r}") for key in given]
        if self.forward_auth is not None and self.basic_auth:
            problems.append(("forward_auth", "must not be given with basic_auth"))
        if self.hsts and self.tls is False:
            problems.append(("hsts", "must not be given with tls = false"))
        if self.redirect is not None and self.port is not None:
            problems.append(("port", "must not be given with redirect, which answers instead"))
        if problems:
            raise Problems(*problems)
        return self


class VolumeTable(Table):
    """Storage that outlives the container."""

    name: Annotated[
        EngineName | None,
        Field(
            description="A named volume of this service, made by Beacon and never deleted without --purge."
        ),
    ] = None
    host: Annotated[AbsolutePath | None, Field(description="A path of the host, instead of name.")] = None
    external: Annotated[
        EngineName | None,
        Field(description="A volume of the engine that exists already, instead of name."),
    ] = None
    path: Annotated[MountPoint, Field(description="Where it is mounted in the container.")]
    read_only: Annotated[Boolean, Field(description="Whether the container may only read it.")] = False
    options: Annotated[
        list[
            Annotated[
                str,
                PlainValidator(values.pattern(r"[A-Za-z0-9_=.-]+", "a mount option without ',' and ':'")),
                STRING,
            ]
        ],
        Field(description="Further options of podman-run(1) --volume, such as z, Z, U or noexec."),
    ] = []

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [key for key in ("name", "host", "external") if getattr(self, key) is not None]
        if len(sources) != 1:
            found = " and ".join(sources) or "none of them"
            raise Problems(("", f"must have exactly one of name, host and external, not {found}"))
        if {"ro", "rw"} & set(self.options):
            raise Problems(("options", "must not hold 'ro' or 'rw'; write read_only = true or false"))
        return self


class SecretTable(Table):
    """A secret of the engine, given to the container as a variable or a file."""

    name: Annotated[EngineName, Field(description="The secret's name (podman secret ls).")]
    env: Annotated[EnvName | None, Field(description="The variable that holds it.")] = None
    path: Annotated[
        MountPoint | None,
        Field(description="The file that holds it, instead of env. Default: /run/secrets/NAME."),
    ] = None
    uid: Annotated[int | None, *_range(0, 2**32 - 2), Field(description="The file's owner.")] = None
    gid: Annotated[int | None, *_range(0, 2**32 - 2), Field(description="The file's group.")] = None
    mode: Annotated[
        str | None,
        PlainValidator(values.pattern("[0-7]{3,4}", "a string of octal digits such as '0400'")),
        STRING,
        Field(description='The file\'s mode in octal digits, a string such as "0400".'),
    ] = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.env is None:
            return self
        excess = [key for key in ("path", "uid", "gid", "mode") if getattr(self, key) is not None]
        if excess:
            raise Problems(*((key, "must not be given together with env") for key in excess))
        return self


class CapabilitiesTable(Table):
    """Capabilities beyond or below the engine's default set."""

    add: Annotated[
        list[Annotated[str, PlainValidator(grammar.capability), STRING]],
        Field(description="Capabilities to add, with or without CAP_; all is allowed."),
    ] = []
    drop: Annotated[
        list[Annotated[str, PlainValidator(grammar.capability), STRING]],
        Field(description="Capabilities to drop; all is allowed."),
    ] = []


class ResourcesTable(Table):
    """Limits of the unit (systemd.resource-control(5))."""

    memory: Annotated[Size | None, Field(description='Most memory: "512M", or bytes. Default: no limit.')] = (
        None
    )
    cpus: Annotated[
        float | None,
        Field(
            gt=0,
            strict=True,
            allow_inf_nan=False,
            description="Most processors, such as 1.5. Default: no limit.",
        ),
    ] = None
    pids: Annotated[
        int | None, *_range(1, 2**22), Field(description="Most processes. Default: the engine's limit.")
    ] = None
    io_weight: Annotated[
        int | None,
        *_range(1, 10000),
        Field(description="Share of the disk's time, 1 to 10000 where 100 is normal. Default: unset."),
    ] = None


class HttpTable(Table):
    """A request that Beacon makes."""

    port: Annotated[PortNumber, Field(description="The container's port to ask.")]
    path: Annotated[
        str,
        PlainValidator(values.status_path),
        STRING,
        Field(description="The path to ask for; a status below 400 is healthy."),
    ] = "/"


class HealthTable(Table):
    """When a release stands."""

    command: Annotated[
        tuple[str, ...] | None,
        PlainValidator(grammar.health_command),
        words_schema(),
        Field(
            description="A command in the container: a string is a shell's line, a list a program's words."
        ),
    ] = None
    http: Annotated[HttpTable | None, Field(description="A request by Beacon, instead of command.")] = None
    tcp: Annotated[
        PortNumber | None, Field(description="A port that accepts connections, instead of command.")
    ] = None
    disable: Annotated[Boolean, Field(description="No health check, not even the image's.")] = False
    interval: Annotated[
        TimeOfCheck | None, Field(description="Time between two checks. Default: the image's or 30s.")
    ] = None
    timeout: Annotated[
        TimeOfCheck | None, Field(description="Time a check may take. Default: the image's or 30s.")
    ] = None
    start_period: Annotated[
        Duration | None,
        Field(description="Time after the start in which failures do not count. Default: the image's or 0s."),
    ] = None
    retries: Annotated[
        int | None,
        *_range(1, 1000),
        Field(description="Failures in a row that make it unhealthy. Default: the image's or 3."),
    ] = None
    on_failure: Annotated[
        HealthAction | None,
        PlainValidator(values.one_of(HealthAction)),
        _enum(HealthAction),
        Field(description="What Podman does when unhealthy: none, kill, restart or stop. Default: none."),
    ] = None

    @model_validator(mode="after")
    def _one_check(self) -> Self:
        chosen = [key for key in ("command", "http", "tcp") if getattr(self, key) is not None]
        if self.disable:
            chosen.append("disable")
        if len(chosen) > 1:
            raise Problems(
                ("", f"must have at most one of command, http, tcp and disable, not {' and '.join(chosen)}")
            )
        return self


class RestartTable(Table):
    """When systemd starts it again."""

    policy: Annotated[
        RestartPolicy,
        PlainValidator(values.one_of(RestartPolicy)),
        _enum(RestartPolicy),
        Field(description="always, on-failure or no."),
    ] = RestartPolicy.ALWAYS
    delay: Annotated[
        Duration | None,
        Field(description="Time before it is started again; without a limit it grows to 30s. Default: 1s."),
    ] = None
    limit: Annotated[
        int | None,
        *_range(0, 10**6),
        Field(description="Starts within interval after which systemd gives up; 0 is never. Default: none."),
    ] = None
    interval: Annotated[
        Duration | None, Field(description="See limit. Default: 5m, where there is a limit.")
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"policy": value} if isinstance(value, str) else value


class StopTable(Table):
    """How it is stopped."""

    timeout: Annotated[Duration, Field(description="Time before SIGKILL.")] = 10.0
    signal: Annotated[
        str | None,
        PlainValidator(grammar.signal_name),
        either("string", "integer"),
        Field(description="The signal that asks it to stop. Default: the image's, or SIGTERM."),
    ] = None


class UpdateTable(Table):
    """What is followed, and when."""

    follow: Annotated[
        str | None,
        PlainValidator(values.follow),
        STRING,
        Field(
            description="tag (the image's), pinned (nothing), or a version range such as ^1.4. "
            "Default: tag, or pinned for an image with a digest."
        ),
    ] = None
    every: Annotated[
        Duration, Field(description="Least time between two checks; 0 is every run of the timer.")
    ] = 0.0
    window: Annotated[
        tuple[str, ...],
        PlainValidator(values.windows),
        words_schema(),
        Field(description='When a rollout may begin, in local time: "Sat,Sun 02:00-05:00". Default: always.'),
    ] = ()
    min_age: Annotated[Duration, Field(description="How long ago a digest must have been seen first.")] = 0.0
    settle: Annotated[
        Duration, Field(description="How long a release without a health check must run without a restart.")
    ] = 10.0


class HooksTable(Table):
    """Commands that Beacon runs on the host around a rollout."""

    before_update: Annotated[
        Words, Field(description="Before anything changes; its failure stops the rollout.")
    ] = ()
    after_update: Annotated[Words, Field(description="After the new release stands.")] = ()
    after_rollback: Annotated[Words, Field(description="After the previous release was put back.")] = ()


class PodmanTable(Table):
    """Raw additions for Podman, not checked by Beacon."""

    args: Annotated[Words, Field(description="Further arguments of podman run.")] = ()
    container: Annotated[
        Directives, Field(description="Directives for [Container] of the Quadlet file.")
    ] = {}
    unit: Annotated[Directives, Field(description="Directives for [Unit].")] = {}
    service: Annotated[Directives, Field(description="Directives for [Service].")] = {}


class DockerTable(Table):
    """Raw additions for docker, not checked by Beacon."""

    args: Annotated[Words, Field(description="Further arguments of docker run.")] = ()
    unit: Annotated[Directives, Field(description="Directives for [Unit].")] = {}
    service: Annotated[Directives, Field(description="Directives for [Service].")] = {}
