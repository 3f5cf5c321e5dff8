"""Look the links of an endpoint up: its name, the ports, what the proxy answers and what the service does."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from beacon.definition.endpoints.handover import is_web
from beacon.doctor.collect.published import own_place
from beacon.doctor.judge.chain import HTTP, HTTPS
from beacon.doctor.judge.links import (
    HttpAnswer,
    Links,
    ListeningProgram,
    Managed,
    NameFacts,
    ShownCertificate,
    Signer,
)
from beacon.endpoints.routing.routes import Route, State, Upstream
from beacon.engine.listening import is_free
from beacon.engine.probe import NetworkProbe
from beacon.errors import BeaconError
from beacon.model.service import Scheme

T = TypeVar("T")

HERE = "127.0.0.1"
_LIMIT = 5.0
"""Seconds that each of the answers may take."""
_BY_PROXY = 15.0
"""Caddy itself waits for a service for some time."""
_RESOLVING = 8.0
_STRANGERS = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that nobody has, on the way to which the machine shows its own."""
_LISTENS = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_AGENT = {"User-Agent": "beacon", "Connection": "close"}


class Around(Struct, frozen=True):
    """What is the same for every endpoint of the machine."""

    ports: Mapping[int, ListeningProgram]
    machine: tuple[str, ...]
    root: str = ""
    """The root certificate of Caddy's own authority; empty where there is none."""
    address: Callable[[str], str] | None = None
    """Tells the address of a service's container, where the machine reaches it."""


def around(root: str, address: Callable[[str], str] | None = None) -> Around:
    """Look at what all endpoints have in common; *address* tells that of a container."""
    ports = {port: _listener(port) for port in (HTTP, HTTPS)}
    return Around(ports, _addresses(), root, address)


def links(route: Route, domain: str, unit: str, proxy: Managed, here: Around) -> Links:
    """Look at each link of *route*, tried as *domain*; nothing on the machine is changed by it."""
    endpoint = route.endpoint
    secure = endpoint.tls is not False
    port = here.ports[HTTPS if secure else HTTP]
    asked = is_web(endpoint) and proxy.there and port.answers
    direct = _directly(route, domain)
    return Links(
        route,
        domain,
        _within(lambda: _resolved(domain, here.machine), _RESOLVING)
        or NameFacts(machine=here.machine, problem=f"no answer within {_RESOLVING:.0f} s", answered=False),
        proxy,
        time.time(),
        here.ports if is_web(endpoint) else {},
        certificate(domain, here.root) if asked and secure else None,
        _by_proxy(domain, endpoint.path, secure=secure) if asked else None,
        direct,
        unit,
        _own(route, here) if direct is not None and direct.problem else None,
    )


def _own(route: Route, here: Around) -> str | None:
    """Return where a container answers at its own address whose published port does not."""
    if here.address is None or route.endpoint.port is None or route.endpoint.scheme is Scheme.UDP:
        return None
    try:
        address = here.address(route.service)
    except BeaconError:
        return None
    return own_place(address, route.endpoint.port) if address else None


def _within(ask: Callable[[], T], seconds: float) -> T | None:
    """Return the answer, or None where it takes too long: the thread is left behind."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(ask()), daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


# Names and addresses


def _resolved(domain: str, machine: tuple[str, ...]) -> NameFacts:
    try:
        found = socket.getaddrinfo(domain, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        known = error.errno != socket.EAI_AGAIN
        problem = "there is no such name" if known else "the name servers do not answer"
        return NameFacts(machine=machine, problem=problem, answered=known)
    except (OSError, UnicodeError) as error:
        return NameFacts(machine=machine, problem=str(error), answered=False)
    addresses = tuple(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))
    return NameFacts(addresses, frozenset(one for one in addresses if _is_own(one)), machine)


def _is_own(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
    return True


def _addresses() -> tuple[str, ...]:
    """Return the addresses that others see of this machine: where packets to them come from."""
    found = []
    for family, stranger in _STRANGERS:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((stranger, 9))
            found.append(str(probe.getsockname()[0]))
    return tuple(found)


# Ports


def _listener(port: int) -> ListeningProgram:
    try:
        with socket.create_connection((HERE, port), timeout=_LIMIT):
            answers = True
    except OSError:
        answers = False
    return ListeningProgram(answers, *_owner(port)) if answers else ListeningProgram(answers=False)


def _owner(port: int) -> tuple[str, int]:
    """Return the program that listens at a port, and its process; nothing where that is not to be seen."""
    inodes = {
        inode
        for table in ("tcp", "tcp6")
        for inode, local, state in _sockets(Path("/proc/net", table))
        if state == _LISTENS and local == port
    }
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if inodes & set(_open_sockets(process)):
                return (process / "comm").read_text(encoding="utf-8").strip(), int(process.name)
    return "", 0


def _open_sockets(process: Path) -> Iterator[str]:
    for entry in (process / "fd").iterdir():
        with suppress(FileNotFoundError):
            match = _SOCKET.fullmatch(str(entry.readlink()))
            if match:
                yield match[1]


def _sockets(table: Path) -> Iterator[tuple[str, int, str]]:
    """Yield inode, local port and state of each socket of a table of proc(5)."""
    with suppress(OSError):
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            yield words[9], int(words[1].rpartition(":")[2], 16), words[3]


# Certificate and answers


def certificate(domain: str, root: str) -> ShownCertificate:
    """Return what the proxy shows to those who ask for *domain*."""
    if root:
        with suppress(OSError, ValueError):
            return _shown(domain, Signer.CADDY, _trusting(root))
    try:
        return _shown(domain, Signer.PUBLIC, _trusting(""))
    except ssl.SSLCertVerificationError as error:
        return ShownCertificate(problem=error.verify_message.rstrip("."))
    except ssl.SSLError as error:
        missing = "ALERT" in (error.reason or "") or "UNRECOGNIZED_NAME" in (error.reason or "")
        return ShownCertificate(problem=_words(error), missing=missing)
    except (OSError, ValueError) as error:
        return ShownCertificate(problem=_words(error))


def _trusting(root: str) -> ssl.SSLContext:
    """Return what trusts the machine's authorities, or *root* alone."""
    context = ssl.create_default_context(cadata=root or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # browsers are not as strict
    return context


def _shown(domain: str, signer: Signer, context: ssl.SSLContext) -> ShownCertificate:
    with (
        socket.create_connection((HERE, HTTPS), timeout=_LIMIT) as plain,
        context.wrap_socket(plain, server_hostname=domain) as secure,
    ):
        shown: dict[str, Any] = secure.getpeercert() or {}
    issuer = {key: value for pairs in shown.get("issuer", ()) for key, value in pairs}
    name = issuer.get("organizationName") or issuer.get("commonName") or "an authority without a name"
    since, until = (ssl.cert_time_to_seconds(str(shown[end])) for end in ("notBefore", "notAfter"))
    return ShownCertificate(signer, str(name), since, until)


def _by_proxy(domain: str, path: str, *, secure: bool) -> HttpAnswer:
    try:
        plain = socket.create_connection((HERE, HTTPS if secure else HTTP), timeout=_BY_PROXY)
        return _got(_over_tls(plain, domain) if secure else plain, domain, path)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return HttpAnswer(problem=_words(error))


def _directly(route: Route, domain: str) -> HttpAnswer | None:
    if route.place is None or route.state is State.DOWN or route.endpoint.redirect is not None:
        return None
    place = Upstream(route.place.address or HERE, route.place.port)
    scheme = route.endpoint.scheme
    if scheme is Scheme.UDP:
        free = is_free(place.port, "udp", place.address)
        return HttpAnswer(problem="nobody listens there" if free else "")
    if scheme not in {Scheme.HTTP, Scheme.HTTPS}:
        said = NetworkProbe().tcp(place.address, place.port, _LIMIT)
        return HttpAnswer(problem=said or "")
    try:
        plain = socket.create_connection((place.address, place.port), timeout=_LIMIT)
        return _got(
            _over_tls(plain, domain) if scheme is Scheme.HTTPS else plain, domain, route.endpoint.path
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        return HttpAnswer(problem=_words(error))


def _over_tls(plain: socket.socket, domain: str) -> socket.socket:
    """Return a connection over TLS, whatever the certificate: that is another link."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(plain, server_hostname=domain)
    except BaseException:
        plain.close()
        raise


def _got(connected: socket.socket, domain: str, path: str) -> HttpAnswer:
    connection = http.client.HTTPConnection(domain)
    connection.sock = connected
    try:
        connection.request("GET", path, headers=_AGENT)
        return HttpAnswer(connection.getresponse().status)
    finally:
        connection.close()


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error) or type(error).__name__).lower()


def all_links(asked: Iterable[Callable[[], Links]], limit: float) -> list[Links | None]:
    """Return what each of *asked* finds, all beside each other; None for what takes longer than *limit*."""
    found: dict[int, Links] = {}
    questions = list(asked)
    gate = threading.Semaphore(16)

    def answer(index: int, question: Callable[[], Links]) -> None:
        with gate:
            found[index] = question()

    threads = [threading.Thread(target=answer, args=item, daemon=True) for item in enumerate(questions)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    return [found.get(index) for index in range(len(questions))]
