"""The tables of a manifest (``app.toml``, schema beacon-app/1), and their JSON Schema.

Imported only when a manifest is read as a whole, because pydantic costs every process that imports it.
"""

# ruff: noqa: RUF012 -- pydantic gives each model its own copy of a default

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from beacon.definition.grammar import strings, values
from beacon.definition.tables.answers import KINDS, OPTION_NAME, Generator, bound
from beacon.definition.tables.types import (
    STRING,
    Boolean,
    Duration,
    Line,
    Problems,
    Size,
    Table,
    User,
    enumeration,
    whole_number,
)

SCHEMA = "beacon-app/1"

Name = Annotated[
    str,
    PlainValidator(values.pattern(r"[a-z][a-z0-9-]{0,39}", "a name of small letters, digits and '-'")),
    STRING,
]
OptionName = Annotated[str, PlainValidator(values.pattern(OPTION_NAME, "a name such as log_level")), STRING]
Url = Annotated[
    str, PlainValidator(values.pattern(r"https?://\S+", "an address that begins with https://")), STRING
]
Value = str | int | float | bool | list[str]


class LinksTable(Table):
    """Where people read more."""

    website: Annotated[Url | None, Field(description="Its website.")] = None
    source: Annotated[Url | None, Field(description="Its source code.")] = None
    docs: Annotated[Url | None, Field(description="Its documentation.")] = None
    changelog: Annotated[Url | None, Field(description="What changed.")] = None


class AppTable(Table):
    """What the app is."""

    id: Annotated[Name, Field(description="Its name for commands, and that of its first service.")]
    name: Annotated[Line, Field(description="Its name for people.")]
    version: Annotated[Line, Field(description="Of what is installed, as its makers count.")]
    revision: Annotated[
        int, *whole_number(1, 1_000_000), Field(description="Of this manifest; it rises with each change.")
    ] = 1
    summary: Annotated[Line, Field(description="One line about it.")]
    description: Annotated[str, Field(description="More about it.")] = ""
    categories: Annotated[list[Name], Field(description="Such as media, downloads or office.")] = []
    license: Annotated[Line, Field(description="SPDX identifier.")]
    nonfree: Annotated[Boolean, Field(description="Whether that is no free licence.")] = False
    links: Annotated[LinksTable, Field(description="Where people read more.")] = LinksTable()

    @model_validator(mode="after")
    def _short(self) -> Self:
        if len(self.summary) > _LONGEST_SUMMARY:
            raise Problems(("summary", f"must have at most {_LONGEST_SUMMARY} characters"))
        return self


_LONGEST_SUMMARY = 120


class RequiresTable(Table):
    """What the machine must have."""

    arch: Annotated[
        list[
            Annotated[
                str, PlainValidator(values.pattern("[a-z0-9_/]+", "an architecture such as arm64")), STRING
            ]
        ],
        Field(description="Architectures of its images: amd64, arm64. Default: all."),
    ] = []
    memory: Annotated[Size | None, Field(description='Memory that it takes, such as "256M".')] = None
    disk: Annotated[Size | None, Field(description='Room for its images, such as "1G".')] = None
    https: Annotated[Boolean, Field(description="Whether it works only with a domain and HTTPS.")] = False


class WebTable(Table):
    """Where people open it. Options port and domain come by themselves."""

    service: Annotated[Name, Field(description="The service that answers.")] = "main"
    port: Annotated[int, *whole_number(1, 65535), Field(description="The port in the container.")]
    host: Annotated[
        int | None,
        *whole_number(1, 65535),
        Field(description="The machine's port, if it is free. Default: port."),
    ] = None
    path: Annotated[str, PlainValidator(values.path_prefix), STRING, Field(description="The page.")] = "/"
    scheme: Annotated[Literal["http", "https"], Field(description="What the container speaks.")] = "http"


class GenerateTable(Table):
    """How a value is made."""

    kind: Annotated[
        Generator,
        PlainValidator(values.one_of(Generator)),
        enumeration(Generator),
        Field(description="Of what."),
    ] = Generator.ALNUM
    length: Annotated[int, *whole_number(8, 512), Field(description="How many characters or bytes.")] = 32
    words: Annotated[
        int, *whole_number(5, 32), Field(description="How many words, of ten bits each, if it is of words.")
    ] = 7


class OptionTable(Table):
    """A question, mostly one with an answer of its own."""

    name: Annotated[OptionName, Field(description="For --set, and as {{ option.NAME }}.")]
    type: Annotated[
        str,
        PlainValidator(values.pattern("|".join(KINDS), f"one of {', '.join(KINDS)}")),
        STRING,
        Field(description="What answers look like."),
    ] = "string"
    label: Annotated[Line, Field(description="The question, for people.")]
    help: Annotated[Line, Field(description="More about it.")] = ""
    group: Annotated[Line, Field(description="What it is shown with.")] = ""
    default: Annotated[Value | None, Field(description="The answer if none is given.")] = None
    required: Annotated[
        Boolean, Field(description="Whether the owner must answer; there is no default then.")
    ] = False
    choices: Annotated[list[str], Field(description="The answers of a choice.")] = []
    min: Annotated[
        float | str | None, Field(description="The least number, size, duration, or number of characters.")
    ] = None
    max: Annotated[float | str | None, Field(description="The greatest of these.")] = None
    pattern: Annotated[str | None, Field(description="A regular expression for the whole answer.")] = None
    pattern_error: Annotated[Line, Field(description="What is said if it does not match.")] = ""
    when: Annotated[Line, Field(description="An expression over earlier options: whether it matters.")] = ""
    generate: Annotated[GenerateTable | None, Field(description="How a secret is made if none is given.")] = (
        None
    )
    show: Annotated[Boolean, Field(description="Whether it is shown when the app is installed.")] = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problems = []
        if self.required and self.default is not None:
            problems.append(("default", "must not be given with required = true"))
        if (self.type == "choice") != bool(self.choices):
            problems.append(("choices", "must be given for a choice, and for nothing else"))
        if self.type == "secret" and self.default is not None:
            problems.append(("default", "must not be given: a secret is made, or typed by the owner"))
        if self.type != "secret" and self.generate is not None:
            problems.append(("generate", "must not be given: only secrets are made"))
        if self.type == "note" and (self.required or self.default is not None):
            problems.append(("type", "is a note, which has neither a default nor required"))
        elif self.default is not None and self.type in KINDS:
            try:
                KINDS[self.type](self.default)
            except ValueError as error:
                problems.append(("default", str(error)))
        problems += self._bounds()
        if problems:
            raise Problems(*problems)
        return self

    def _bounds(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with bounds."""
        found: dict[str, float] = {}
        for key, value in (("min", self.min), ("max", self.max)):
            try:
                found |= {key: bound(self.type, value)} if value is not None else {}
            except ValueError as error:
                yield key, str(error)
        if len(found) > 1 and found["min"] > found["max"]:
            yield "max", "must not be less than min"


class FileTable(Table):
    """A file that a service reads, filled in."""

    service: Annotated[Name, Field(description="The service that reads it.")] = "main"
    path: Annotated[
        str, PlainValidator(strings.mount_point), STRING, Field(description="Where, in the container.")
    ]
    content: Annotated[str, Field(description="Its text, with {{ option.NAME }} and the like filled in.")]
    mode: Annotated[
        str,
        PlainValidator(values.pattern("0?[0-7]{3}", "a string of octal digits such as '0644'")),
        STRING,
        Field(description="Its mode, octal in quotes."),
    ] = "0644"
    when: Annotated[Line, Field(description="An expression over options: whether it is there.")] = ""


Command = Annotated[list[str], Field(min_length=1)]
_RUN = "What is run in its container, word by word, with {{ option.NAME }} and the like filled in."


class ActionTable(Table):
    """Something that its owner can have the app do."""

    id: Annotated[Name, Field(description="Its name for beacon app do.")]
    label: Annotated[Line, Field(description="What it does, for people.")]
    service: Annotated[Name, Field(description="The service in whose container it is done.")] = "main"
    command: Annotated[Command, Field(description=_RUN)]
    user: Annotated[User | None, Field(description="User, or user:group. Default: the container's.")] = None
    takes: Annotated[
        Line, Field(description="What is typed behind it, such as NAME; it goes behind the command.")
    ] = ""
    confirm: Annotated[Line, Field(description="What the owner is asked first, if that should be.")] = ""
    when: Annotated[Line, Field(description="An expression over options: whether it is there.")] = ""


class RequestTable(Table):
    """A request to the app's page."""

    method: Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE"], Field(description="Of HTTP.")] = (
        "POST"
    )
    path: Annotated[str, PlainValidator(values.path_prefix), STRING, Field(description="What is asked.")]
    body: Annotated[
        str, Field(description="What is sent, filled in; {{ secret.NAME }} is its value here.")
    ] = ""
    json_: Annotated[
        dict[str, object], Field(alias="json", description="The same as a table, which is sent as JSON.")
    ] = {}
    status: Annotated[
        list[Annotated[int, *whole_number(100, 599)]], Field(description="Answers that are right.")
    ] = [200, 201, 204]


class StepTable(Table):
    """What is done once, when the app is up for the first time."""

    id: Annotated[Name, Field(description="Its name: one of that name is not done twice.")]
    label: Annotated[Line, Field(description="What it does, for people.")]
    service: Annotated[Name, Field(description="The service in whose container it is done.")] = "main"
    command: Annotated[Command | None, Field(description=_RUN)] = None
    user: Annotated[User | None, Field(description="User, or user:group. Default: the container's.")] = None
    http: Annotated[RequestTable | None, Field(description="A request, instead of command.")] = None
    timeout: Annotated[Duration, Field(description="How long it is tried again.")] = 120.0
    when: Annotated[Line, Field(description="An expression over options: whether it is done.")] = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.command is None) == (self.http is None):
            raise Problems(("", "must have either command or http"))
        if self.http is not None and self.http.body and self.http.json_:
            raise Problems(("http", "must have at most one of body and json"))
        return self


class ResultTable(Table):
    """What the owner is shown afterwards."""

    login: Annotated[str, Field(description="The user name.")] = ""
    password: Annotated[OptionName | None, Field(description="The option with the password.")] = None
    text: Annotated[str, Field(description="What comes next.")] = ""


class UpgradeTable(Table):
    """What comes with a revision."""

    revision: Annotated[int, *whole_number(2, 1_000_000), Field(description="Which.")]
    note: Annotated[Line, Field(description="What the owner has to know, or to do first.")]
    wait: Annotated[
        Boolean, Field(description="Whether it waits until the owner has read that: beacon app update.")
    ] = False


class ManifestTable(Table):
    """An app of Beacon's catalog (beacon-app(5))."""

    schema_: Annotated[Literal["beacon-app/1"], Field(alias="schema", description="Of the manifest.")]
    app: Annotated[AppTable, Field(description="What it is.")]
    requires: Annotated[RequiresTable, Field(description="What the machine must have.")] = RequiresTable()
    web: Annotated[WebTable | None, Field(description="Where people open it.")] = None
    option: Annotated[list[OptionTable], Field(description="What can be answered.")] = []
    service: Annotated[
        dict[Name, dict[str, object]],
        Field(description="Definitions, as beacon.toml(5) has them, with {{ option.NAME }} filled in."),
    ]
    file: Annotated[list[FileTable], Field(description="Files that services read.")] = []
    action: Annotated[list[ActionTable], Field(description="What its owner can have it do.")] = []
    after_install: Annotated[list[StepTable], Field(description="What is done once, at first.")] = []
    upgrade: Annotated[list[UpgradeTable], Field(description="What comes with revisions.")] = []
    result: Annotated[ResultTable, Field(description="What is shown afterwards.")] = ResultTable()
