"""Endpoints as answers have them: where each is reached, what is wrong with it, what is published."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from beacon.wire.answer import Answer
from beacon.wire.finding import FindingInfo


class EndpointInfo(Struct, frozen=True, kw_only=True):
    """One endpoint of a service that has been applied."""

    url: str | None
    """Where the managed proxy answers it; null if that does not."""
    name: str
    """Domain and path as people read them."""
    domain: str
    path: str
    scheme: str
    service: str
    state: str
    """up, starting, unhealthy or down."""
    container_port: int | None
    address: str | None
    port: int | None
    reached_at: str | None
    """Both as people read them."""
    reach: str | None
    """From where that can be reached."""
    redirect: str | None
    tls: bool | None
    internal: bool
    health: str
    problem: str | None
    unanswered: str | None
    """Why the managed proxy does not answer it, if that is not the problem already."""
    mend: str | None
    """The older name of *fix*; it goes with the next version."""
    fix: str | None


class Endpoints(Answer, frozen=True, kw_only=True):
    """Endpoints of one scope."""

    endpoints: tuple[EndpointInfo, ...]
    proxied: bool
    """Whether there is a managed proxy."""


class Link(FindingInfo, frozen=True, kw_only=True):
    """One link between whoever types a domain and the service, and what was found of it."""

    link: str


class CheckedEndpoint(Struct, frozen=True, kw_only=True):
    """One endpoint with all its links, those in order included."""

    name: str
    domain: str
    path: str
    scheme: str
    service: str
    severity: str
    broken: str | None
    """The first link that is broken."""
    links: tuple[Link, ...]


class EndpointCheck(Answer, frozen=True, kw_only=True):
    """Which links are broken."""

    scope: str
    severity: str
    endpoints: tuple[CheckedEndpoint, ...]


class Url(Answer, frozen=True, kw_only=True):
    """Where one endpoint is reached."""

    url: str


class Domain(Answer, frozen=True, kw_only=True):
    """A domain that is easy to remember."""

    domain: str


class Certificate(Answer, frozen=True, kw_only=True):
    """The root certificate of the managed proxy's own authority, in PEM."""

    certificate: str


class PublishedStore(Struct, frozen=True, kw_only=True):
    """What is published to one store: key and value of all that is published there, and what was changed."""

    store: str
    published: Mapping[str, str]
    deleted: tuple[str, ...]
    written: tuple[str, ...] | None
    done: bool
    problem: str | None
    fix: str | None
    status: int
    """The exit status that *problem* stands for; 0 without one."""


class Publication(Answer, frozen=True, kw_only=True):
    """What is published to the stores of beacon.toml."""

    stores: tuple[PublishedStore, ...]
    left_out: tuple[str, ...]
    """What is published to no store, and why."""


class ProxyChange(Answer, frozen=True, kw_only=True):
    """What became of the managed proxy; all that it does not answer is among the warnings."""

    answers: bool
    """Whether it has what it was to get."""
