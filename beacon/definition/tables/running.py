"""How a service runs: its limits, its health, its restarts, its updates, and raw directives."""

# ruff: noqa: RUF012 -- pydantic gives each model its own copy of a default

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, PlainValidator, model_validator

from beacon.definition.grammar import strings, values
from beacon.definition.tables.types import (
    STRING,
    Boolean,
    Directives,
    Duration,
    PortNumber,
    Problems,
    Size,
    Table,
    TimeOfCheck,
    User,
    Words,
    either,
    enumeration,
    whole_number,
    words_schema,
)
from beacon.model.parts.job import JOB_TIME
from beacon.model.service import Apply, HealthAction, RestartPolicy


class CapabilitiesTable(Table):
    """Capabilities beyond or below the engine's default set."""

    add: Annotated[
        list[Annotated[str, PlainValidator(strings.capability), STRING]],
        Field(description="Capabilities to add, with or without CAP_; all is allowed."),
    ] = []
    drop: Annotated[
        list[Annotated[str, PlainValidator(strings.capability), STRING]],
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
        int | None, *whole_number(1, 2**22), Field(description="Most processes. Default: the engine's limit.")
    ] = None
    io_weight: Annotated[
        int | None,
        *whole_number(1, 10000),
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
    host: Annotated[
        str | None,
        PlainValidator(values.host_header),
        STRING,
        Field(description="The Host to ask for. Default: the domain of an endpoint at that port."),
    ] = None


class HealthTable(Table):
    """When a release stands."""

    command: Annotated[
        tuple[str, ...] | None,
        PlainValidator(strings.health_command),
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
        *whole_number(1, 1000),
        Field(description="Failures in a row that make it unhealthy. Default: the image's or 3."),
    ] = None
    on_failure: Annotated[
        HealthAction | None,
        PlainValidator(values.one_of(HealthAction)),
        enumeration(HealthAction),
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
        enumeration(RestartPolicy),
        Field(description="always, on-failure, no, or oneshot: a job, which is up once it has ended well."),
    ] = RestartPolicy.ALWAYS
    delay: Annotated[
        Duration | None,
        Field(description="Time before it is started again; without a limit it grows to 30s. Default: 1s."),
    ] = None
    limit: Annotated[
        int | None,
        *whole_number(0, 10**6),
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
        PlainValidator(strings.signal_name),
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
        Duration,
        Field(description="Least time between two checks of the registry; 0 is every run of the timer."),
    ] = 0.0
    window: Annotated[
        tuple[str, ...],
        PlainValidator(values.windows),
        words_schema(),
        Field(description='When a rollout may begin, in local time: "Sat,Sun 02:00-05:00". Default: always.'),
    ] = ()
    min_age: Annotated[Duration, Field(description="How long ago a digest must have been seen first.")] = 0.0
    apply: Annotated[
        Apply,
        PlainValidator(values.one_of(Apply)),
        enumeration(Apply),
        Field(
            description="auto, or ask: what is new waits for beacon approve. Default: as beacon.toml says."
        ),
    ] = Apply.AUTO
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


class JobTable(Table):
    """A command that systemd runs in the container, again and again."""

    name: Annotated[
        str,
        PlainValidator(values.pattern(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?", "a name of a-z, 0-9 and '-'")),
        STRING,
        Field(description="Its name; its unit is beacon-SERVICE.job-NAME.service."),
    ]
    schedule: Annotated[
        str,
        PlainValidator(values.schedule),
        STRING,
        Field(description="When, as systemd.time(7) has it: daily, Mon..Fri 02:30, *:0/15."),
    ]
    command: Annotated[
        tuple[str, ...],
        PlainValidator(strings.command),
        words_schema(),
        Field(description="What is run in the running container."),
    ]
    user: Annotated[User | None, Field(description="User, or user:group. Default: the container's.")] = None
    timeout: Annotated[Duration, Field(description="Time that it may take.")] = JOB_TIME
    delay: Annotated[Duration, Field(description="It begins up to so much later, at random.")] = 0.0

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.timeout <= 0:
            raise Problems(("timeout", "must be longer than nothing"))
        return self


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
