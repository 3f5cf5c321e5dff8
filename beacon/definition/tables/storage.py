"""Volumes and secrets, as a definition has them."""

# ruff: noqa: RUF012 -- pydantic gives each model its own copy of a default

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, PlainValidator, model_validator

from beacon.definition.grammar import values
from beacon.definition.tables.types import (
    STRING,
    AbsolutePath,
    Boolean,
    EngineName,
    EnvName,
    MountPoint,
    Problems,
    Table,
    enumeration,
    whole_number,
)
from beacon.model.service import VolumeKind


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

    kind: Annotated[
        VolumeKind,
        PlainValidator(values.one_of(VolumeKind)),
        enumeration(VolumeKind),
        Field(description="What it holds: config, data, database, media, cache or log."),
    ] = VolumeKind.DATA

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
    """A secret, given to the container as a variable or a file."""

    name: Annotated[EngineName, Field(description="Its name (beacon secret list).")]
    env: Annotated[EnvName | None, Field(description="The variable that holds it.")] = None
    path: Annotated[
        MountPoint | None,
        Field(description="The file that holds it, instead of env. Default: /run/secrets/NAME."),
    ] = None
    uid: Annotated[int | None, *whole_number(0, 2**32 - 2), Field(description="The file's owner.")] = None
    gid: Annotated[int | None, *whole_number(0, 2**32 - 2), Field(description="The file's group.")] = None
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
