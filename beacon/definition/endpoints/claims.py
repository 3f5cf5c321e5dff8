"""Which endpoints a service has: what its definition says, else its image; and who may have a domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from beacon.definition.endpoints.domains import read_compact
from beacon.definition.grammar.strings import key_path
from beacon.errors import DefinitionError, Fault
from beacon.model.endpoints.sources import LABEL, VARIABLE
from beacon.model.image import ImageConfig
from beacon.model.service import Endpoint, Scheme, Service

COMPAT_HINT = f"compat = true reads {VARIABLE} as beachhead-companion did, with ports 80 and 443"

_RAW = {Scheme.TCP, Scheme.UDP}


class Declared(Struct, frozen=True):
    """An endpoint, and the key of the definition that names it."""

    key: str
    endpoint: Endpoint


def declared(service: Service) -> tuple[tuple[Declared, ...], tuple[tuple[str, str], ...]]:
    """Return the endpoints of the definition alone, and (key, problem) of all that is wrong with them.

    ``[[endpoint]]`` and ``domain`` are read together; without both of them the variable is.
    """
    found = [Declared(f"endpoint[{index}]", one) for index, one in enumerate(service.endpoints)]
    problems: list[tuple[str, str]] = []
    for key, text in _compact_texts(service):
        endpoints, wrong = read_compact(text, compat=service.compat)
        found += [Declared(key, one) for one in endpoints]
        problems += [(key, problem) for problem in wrong]
    return tuple(found), tuple(problems)


def _compact_texts(service: Service) -> Iterator[tuple[str, str]]:
    if service.domain:
        yield "domain", service.domain
    elif VARIABLE in service.env and not says_endpoints(service):
        yield f"env.{VARIABLE}", service.env[VARIABLE]


def says_endpoints(service: Service) -> bool:
    """Say whether the definition has endpoints of its own, or says that there are none."""
    return bool(service.endpoints or service.domain or {"endpoint", "domain"} & set(service.given))


def may_have_endpoints(service: Service, image: ImageConfig) -> bool:
    """Say whether *service* may have endpoints with what its *image* says: most have none."""
    of_image = LABEL in image.labels or VARIABLE in image.env
    return of_image or VARIABLE in service.env or says_endpoints(service)


def claim(endpoint: Endpoint) -> tuple[str, str]:
    """Return what no two services can have: a domain and a path, or a port of it."""
    if endpoint.scheme in _RAW:
        return endpoint.domain, f"{endpoint.scheme}={endpoint.port}"
    return endpoint.domain, endpoint.path


def claim_text(endpoint: Endpoint) -> str:
    """Return a claim as people read it: ``example.org``, ``example.org/api``, ``example.org (tcp 5432)``."""
    if endpoint.scheme in _RAW:
        return f"{endpoint.domain} ({endpoint.scheme} {endpoint.port or 'port'})"
    return endpoint.domain + ("" if endpoint.path == "/" else endpoint.path)


def _slot(endpoint: Endpoint) -> tuple[str, str, bool]:
    """Return what one service can have once: it may have a domain for http and for https."""
    return (*claim(endpoint), endpoint.scheme is Scheme.HTTPS)


def own_problems(service: Service) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the endpoints that a definition declares."""
    found, problems = declared(service)
    yield from problems
    yield from _twice(found, compat=service.compat)


def _twice(found: Iterable[Declared], *, compat: bool) -> Iterator[tuple[str, str]]:
    """Yield what is said twice; beachhead-companion let that pass."""
    first: dict[tuple[str, str, bool], Declared] = {}
    for one in found:
        earlier = first.setdefault(_slot(one.endpoint), one)
        if earlier is not one and not compat:
            where = f", which {earlier.key} has already" if earlier.key != one.key else ""
            yield one.key, f"must not name {claim_text(one.endpoint)} again{where}"


def resolve(service: Service, image: ImageConfig) -> tuple[tuple[Endpoint, ...], str]:
    """Return the endpoints of a service that runs *image*, with their ports, and where they are said.

    The first that says something counts: the definition, the label, the image's variable. Raises
    DefinitionError with all that is wrong, the ports that nobody can know included.
    """
    own, problems = declared(service)
    if own or says_endpoints(service) or VARIABLE in service.env:
        faults = [Fault(f"{service.name}.toml", key, problem) for key, problem in problems]
        return _with_ports(own, f"{service.name}.toml", image, faults), "definition"
    for source, key, text in (
        ("label", f"label {LABEL}", image.labels.get(LABEL)),
        ("image", f"env.{key_path(VARIABLE)}", image.env.get(VARIABLE)),
    ):
        if text is not None:
            found, wrong = read_compact(text, compat=service.compat)
            named = [Declared(key, one) for one in found]
            twice = (problem for _, problem in _twice(named, compat=service.compat))
            faults = [Fault(str(service.image), key, problem) for problem in (*wrong, *twice)]
            return _with_ports(named, str(service.image), image, faults), source
    return (), "default"


def _with_ports(
    found: Iterable[Declared], file: str, image: ImageConfig, faults: list[Fault]
) -> tuple[Endpoint, ...]:
    endpoints = []
    for one in found:
        endpoint = one.endpoint
        if endpoint.port is None and endpoint.redirect is None:
            exposed = _exposed(image, "udp" if endpoint.scheme is Scheme.UDP else "tcp")
            if len(exposed) == 1:
                endpoint = replace(endpoint, port=exposed[0])
            else:
                faults.append(Fault(file, one.key, _no_port(endpoint, exposed)))
        endpoints.append(endpoint)
    if faults:
        compact = any(VARIABLE in fault.key for fault in faults)
        raise DefinitionError(faults, hint=COMPAT_HINT if compact else None)
    return tuple(endpoints)


def _exposed(image: ImageConfig, protocol: str) -> list[int]:
    pairs = [port.partition("/") for port in image.exposed_ports]
    return sorted({int(port) for port, _, kind in pairs if port.isdigit() and (kind or "tcp") == protocol})


def _no_port(endpoint: Endpoint, exposed: list[int]) -> str:
    """Say why the port of *endpoint* cannot be taken from the image."""
    ports = ", ".join(map(str, exposed))
    why = f"the image exposes several: {ports}" if exposed else "the image exposes none"
    return f"must say the port of {claim_text(endpoint)}, for {why}"
