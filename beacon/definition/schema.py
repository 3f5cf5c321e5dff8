"""The definition's top level as a pydantic model, and its JSON Schema.

Imported only when something is decoded, because pydantic costs every process that imports it.
"""

# ruff: noqa: RUF012 -- pydantic gives each model its own copy of a default

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from beacon.definition.grammar import strings, values
from beacon.definition.tables.network import EndpointTable, NetworkTable, PortTable
from beacon.definition.tables.running import (
    CapabilitiesTable,
    DockerTable,
    HealthTable,
    HooksTable,
    JobTable,
    PodmanTable,
    ResourcesTable,
    RestartTable,
    StopTable,
    UpdateTable,
)
from beacon.definition.tables.storage import SecretTable, VolumeTable
from beacon.definition.tables.types import (
    STRING,
    AbsolutePath,
    Boolean,
    Duration,
    EnvName,
    Line,
    Scalar,
    Size,
    Table,
    User,
    Words,
    either,
    words_schema,
)
from beacon.model.image import Platform
from beacon.model.reference import ImageReference
from beacon.model.service import Handover


class ServiceTable(Table):
    """A service of Beacon: a container image and how it runs (beacon.toml(5))."""

    image: Annotated[
        ImageReference,
        PlainValidator(values.image_reference),
        STRING,
        Field(description="The image, with its registry; the only key that is needed."),
    ]
    description: Annotated[Line, Field(description="One line for systemctl and the panel.")] = ""
    platform: Annotated[
        Platform | None,
        PlainValidator(values.platform),
        STRING,
        Field(description="os/architecture[/variant], such as linux/arm64. Default: the host's."),
    ] = None
    entrypoint: Annotated[
        Words | None, Field(description="Replaces the image's entrypoint, and drops its command.")
    ] = None
    command: Annotated[Words | None, Field(description="Replaces the image's command.")] = None
    user: Annotated[User | None, Field(description="User, or user:group. Default: the image's.")] = None
    groups: Annotated[list[User], Field(description="Further groups of the process.")] = []
    userns: Annotated[
        str | None,
        PlainValidator(values.pattern(r"[a-z][A-Za-z0-9:=,@#+-]*", "a user namespace such as keep-id")),
        STRING,
        Field(description="User namespace. Default: the engine's; a user's own for images with PUID."),
    ] = None
    workdir: Annotated[AbsolutePath | None, Field(description="Working directory. Default: the image's.")] = (
        None
    )
    hostname: Annotated[
        str | None,
        PlainValidator(values.hostname),
        STRING,
        Field(description="Host name inside the container. Default: the engine's choice."),
    ] = None
    init: Annotated[
        Boolean | None,
        Field(
            description="Whether a small init reaps and forwards signals. Default: unless the image has one."
        ),
    ] = None
    read_only: Annotated[Boolean, Field(description="Whether the image's files are read-only.")] = False
    env: Annotated[dict[EnvName, Scalar], Field(description="Environment variables.")] = {}
    env_file: Annotated[
        tuple[str, ...],
        PlainValidator(values.paths),
        words_schema(),
        Field(description="Files of KEY=VALUE lines on the host, read by the engine at each start."),
    ] = ()
    labels: Annotated[
        dict[Annotated[str, PlainValidator(values.label_name), STRING], Scalar],
        Field(description="Labels of the container; io.beacon.* is reserved."),
    ] = {}
    domain: Annotated[
        Line,
        Field(description='Domains in short: "example.org app.example.org:http=8080:https=8043".'),
    ] = ""
    compat: Annotated[
        Boolean, Field(description="Whether the short form is read as beachhead-companion read it.")
    ] = False
    port: Annotated[list[PortTable], Field(description="Published ports.")] = []
    endpoint: Annotated[list[EndpointTable], Field(description="Domains that the service answers.")] = []
    handover: Annotated[
        Handover | None,
        PlainValidator(values.one_of(Handover)),
        WithJsonSchema({"type": "string", "enum": [str(choice) for choice in Handover]}),
        Field(
            description="How a release takes the place of another behind the proxy: swap, wait or none. "
            "Default: swap for services with endpoints and no writable volumes, wait for those with."
        ),
    ] = None
    drain: Annotated[
        Duration, Field(description="How long requests under way may take when a release is replaced.")
    ] = 30.0
    drain_websockets: Annotated[
        Duration, Field(description="The same for websockets, which mostly do not end by themselves.")
    ] = 10.0
    volume: Annotated[list[VolumeTable], Field(description="Storage that outlives the container.")] = []
    tmpfs: Annotated[
        list[Annotated[str, PlainValidator(values.tmpfs), STRING]],
        Field(description='File systems in memory: "/run" or "/run:size=64m".'),
    ] = []
    networks: Annotated[
        list[Annotated[str, PlainValidator(values.network), STRING]],
        Field(
            description="Networks of Beacon by name, or host, none or service:NAME. Default: the engine's."
        ),
    ] = []
    network: Annotated[
        dict[Annotated[str, PlainValidator(values.network), STRING], NetworkTable],
        Field(description="How networks are that the service is on, by name."),
    ] = {}
    hosts: Annotated[
        dict[
            Annotated[str, PlainValidator(values.pattern(r"[A-Za-z0-9_.-]+", "a host name")), STRING],
            Annotated[str, PlainValidator(values.host_address), STRING],
        ],
        Field(description="Lines of /etc/hosts: a name and its address, or host-gateway."),
    ] = {}
    dns: Annotated[
        list[Annotated[str, PlainValidator(strings.address), STRING]],
        Field(description="Addresses of name servers. Default: the host's."),
    ] = []
    needs: Annotated[
        list[Annotated[str, PlainValidator(values.service_name), STRING]],
        Field(description="Services that must be up first."),
    ] = []
    requires: Annotated[
        list[Annotated[str, PlainValidator(values.service_name), STRING]],
        Field(description="Services, mostly jobs, that must have started well: else it does not start."),
    ] = []
    devices: Annotated[
        list[Annotated[str, PlainValidator(values.device), STRING]],
        Field(description="Devices: /dev/x, /dev/x:/dev/y:rwm, or a CDI name."),
    ] = []
    capabilities: Annotated[
        CapabilitiesTable, Field(description="Capabilities beyond or below the engine's default set.")
    ] = CapabilitiesTable()
    no_new_privileges: Annotated[Boolean, Field(description="Whether setuid programs gain nothing.")] = False
    sysctls: Annotated[
        dict[
            Annotated[str, PlainValidator(values.pattern(r"[A-Za-z0-9_./-]+", "a sysctl's name")), STRING],
            Annotated[str, PlainValidator(values.sysctl), either("string", "integer")],
        ],
        Field(description="Kernel parameters of the container."),
    ] = {}
    ulimits: Annotated[
        dict[
            Annotated[str, PlainValidator(values.ulimit_name), STRING],
            Annotated[str, PlainValidator(values.ulimit), either("string", "integer")],
        ],
        Field(description="Limits of the process: a number, soft:hard, or unlimited."),
    ] = {}
    shm_size: Annotated[
        Size | None, Field(description='Size of /dev/shm: "64M", or bytes. Default: the engine\'s.')
    ] = None
    secret: Annotated[list[SecretTable], Field(description="What only the container is to know.")] = []
    resources: Annotated[ResourcesTable, Field(description="Limits of the unit.")] = ResourcesTable()
    health: Annotated[
        HealthTable, Field(description="When a release stands. Default: the image's health check.")
    ] = HealthTable()
    restart: Annotated[
        RestartTable, Field(description="When systemd starts it again; a string is the policy.")
    ] = RestartTable()
    stop: Annotated[StopTable, Field(description="How it is stopped.")] = StopTable()
    update: Annotated[UpdateTable, Field(description="What is followed, and when.")] = UpdateTable()
    hooks: Annotated[HooksTable, Field(description="Commands on the host around a rollout.")] = HooksTable()
    job: Annotated[list[JobTable], Field(description="Commands that systemd runs in the container.")] = []
    podman: Annotated[PodmanTable, Field(description="Raw additions for Podman, not checked by Beacon.")] = (
        PodmanTable()
    )
    docker: Annotated[DockerTable, Field(description="Raw additions for docker, not checked by Beacon.")] = (
        DockerTable()
    )


class TomlSchema(GenerateJsonSchema):
    """JSON Schema of what TOML can say, which has no null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return the schema of the value itself: a key that is not wanted is left out."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Name the defaults that are one word or number; an empty table or list says nothing."""
        inner, default = self.generate_inner(schema["schema"]), schema.get("default")
        if isinstance(default, str | int | float):
            return {**inner, "default": str(default) if isinstance(default, str) else default}
        return inner
