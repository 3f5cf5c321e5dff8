"""Ports and endpoints, as a definition has them."""

# ruff: noqa: RUF012 -- pydantic gives each model its own copy of a default

from __future__ import annotations

import ipaddress
from typing import Annotated, Self

from pydantic import Field, PlainValidator, model_validator

from beacon.definition.endpoints import domains
from beacon.definition.grammar import portspec, strings, values
from beacon.definition.tables.types import (
    STRING,
    Boolean,
    PortNumber,
    Problems,
    Table,
    either,
    enumeration,
    words_schema,
)
from beacon.model.service import FORWARD_HEADERS, Protocol, Scheme, Unhealthy


class PortTable(Table):
    """A port of the container that is published on the host."""

    host: Annotated[
        tuple[str, int | None, int] | None,
        PlainValidator(portspec.host_port),
        either("string", "integer"),
        Field(description='Where it is published: 8080, "127.0.0.1:8080". Default: chosen by the engine.'),
    ] = None
    container: Annotated[
        tuple[int, int, Protocol | None],
        PlainValidator(portspec.container_port),
        either("string", "integer"),
        Field(description='The port inside the container: 8080, "8080/udp" or "8000-8010".'),
    ]
    protocol: Annotated[
        Protocol | None,
        PlainValidator(values.one_of(Protocol)),
        enumeration(Protocol),
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


class NetworkTable(Table):
    """How a network is that the service is on; the same for all services on it, but for the address."""

    internal: Annotated[Boolean, Field(description="Whether nothing outside of it can be reached.")] = False
    subnet: Annotated[
        tuple[str, ...],
        PlainValidator(values.listed(values.subnet)),
        words_schema(),
        Field(description='Its addresses: "10.9.0.0/24", or a list. Default: chosen by the engine.'),
    ] = ()
    gateway: Annotated[
        tuple[str, ...],
        PlainValidator(values.listed(strings.address)),
        words_schema(),
        Field(description="The host's address there, one for each subnet. Default: the first."),
    ] = ()
    driver: Annotated[
        str | None,
        PlainValidator(values.pattern("[a-z][a-z0-9-]*", "a driver such as macvlan")),
        STRING,
        Field(description="bridge, macvlan or ipvlan. Default: bridge."),
    ] = None
    ipv6: Annotated[Boolean, Field(description="Whether it has IPv6 too.")] = False
    options: Annotated[
        dict[
            Annotated[str, PlainValidator(values.option_word), STRING],
            Annotated[str, PlainValidator(values.option_word), either("string", "integer")],
        ],
        Field(description="Options of the driver."),
    ] = {}
    address: Annotated[
        tuple[str, ...],
        PlainValidator(values.listed(strings.address)),
        words_schema(),
        Field(description="The service's own address, or one of each family. Default: chosen by the engine."),
    ] = ()

    @model_validator(mode="after")
    def _fit(self) -> Self:
        networks = [ipaddress.ip_network(one) for one in self.subnet]
        if self.gateway and not networks:
            raise Problems(("gateway", "needs a subnet that holds it"))
        problems = [
            (key, f"must be an address of subnet, not {one}")
            for key in ("gateway", "address")
            for one in getattr(self, key)
            if networks and not any(ipaddress.ip_address(one) in network for network in networks)
        ]
        families = [ipaddress.ip_address(one).version for one in self.address]
        if len(families) != len(set(families)):
            problems.append(("address", "must be one of each family"))
        if problems:
            raise Problems(*problems)
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
        enumeration(Scheme),
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
        enumeration(Unhealthy),
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
