"""What is looked up of one endpoint: the links between whoever types its domain and the service."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from beacon.endpoints.routing.routes import Route


class Signer(StrEnum):
    """Who signed a certificate."""

    PUBLIC = "public"
    """An authority that this machine trusts."""
    CADDY = "caddy"
    """Caddy's own authority, which those trust who were given its root certificate."""
    UNKNOWN = ""


class NameFacts(Struct, frozen=True):
    """Where a domain leads, as this machine resolves it; *problem* where it does not."""

    addresses: tuple[str, ...] = ()
    here: frozenset[str] = frozenset()
    """Those of them that are this machine's."""
    machine: tuple[str, ...] = ()
    """The addresses at which this machine meets others."""
    problem: str = ""
    answered: bool = True
    """Whether the name servers said so, and are not just silent."""


class ListeningProgram(Struct, frozen=True):
    """A port of this machine: whether it answers, and the program that listens, as far as that is known."""

    answers: bool
    program: str = ""
    process: int = 0


class ShownCertificate(Struct, frozen=True):
    """What a browser is shown for the domain; *problem* where it would turn away."""

    signer: Signer = Signer.UNKNOWN
    issuer: str = ""
    since: float = 0.0
    until: float = 0.0
    """Seconds since the epoch, as *since*."""
    problem: str = ""
    missing: bool = False
    """Whether there is none for the domain."""


class HttpAnswer(Struct, frozen=True):
    """What a request came to: a status, or the problem."""

    status: int = 0
    problem: str = ""


class Managed(Struct, frozen=True):
    """Beacon's proxy, as it concerns one endpoint."""

    installed: bool = False
    there: bool = False
    """Whether it was set up."""
    active: str = "inactive"
    left_out: str = ""
    """Why Caddy is not given the endpoint, or refuses it."""
    mend: str = ""
    loaded: bool | None = None
    """Whether Caddy has the domain in the configuration that it runs with; None where it does not say."""


class Links(Struct, frozen=True):
    """One endpoint, and what was found of each link."""

    route: Route
    domain: str
    """The name that was tried: of ``*.example.org``, one below it."""
    name: NameFacts
    proxy: Managed
    now: float
    ports: Mapping[int, ListeningProgram] = field(default_factory=dict)
    certificate: ShownCertificate | None = None
    """None where no HTTPS was tried."""
    by_proxy: HttpAnswer | None = None
    """What a request by way of the proxy came to; None where there is none to ask."""
    direct: HttpAnswer | None = None
    """What asking the service at its port came to; None where it has none, or is down."""
    unit: str = "inactive"
    """ActiveState of the service's unit."""
    own: str | None = None
    """Where the container answers at its own address, if its port does not; empty if it does not answer
    there either, None if nobody can say."""
