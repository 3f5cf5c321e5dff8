"""HTTP to one registry; the only module that knows requests.

Requests go straight to requests' transport adapter: what Session adds around it (cookies, hooks, netrc, a
look at the environment each time) costs as much again as the request itself.
"""

from __future__ import annotations

import os
import re
import ssl
import threading
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies
from urllib3 import exceptions as urllib3_errors

from beacon.errors import ConfigError
from beacon.registry.settings.registries_conf import TlsFiles

CONNECT_SECONDS = 10.0
READ_SECONDS = 15.0
MAX_REDIRECTS = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"https": 443, "http": 80}
_TO_GET = frozenset({301, 302, 303})
"""What makes a GET of a POST (RFC 9110, 15.4)."""
_CHUNK = 1 << 16
_MIN_TIMEOUT = 0.001


class Deadline(NamedTuple):
    """*seconds* were allowed; *expires* is on the monotonic clock."""

    seconds: float
    expires: float

    @classmethod
    def within(cls, seconds: float) -> Deadline:
        """Return the deadline that is *seconds* away."""
        return cls(seconds, time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left; never negative."""
        return max(0.0, self.expires - time.monotonic())


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port, to which logins belong; raises ValueError where *url* is no address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


class TroubleKind(StrEnum):
    """What kept an answer from coming."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    TLS = "tls"
    UNSAFE = "unsafe"


class TransportError(Exception):
    """No answer; str() says why in words that follow a colon. *seconds* is how long a timeout was."""

    def __init__(self, kind: TroubleKind, detail: str, seconds: float = 0.0) -> None:
        super().__init__(detail)
        self.kind = kind
        self.seconds = seconds


class Request(NamedTuple):
    """What is asked: *limit* is the most bytes that an answer may hold."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    limit: int = 4 << 20


class Reply(NamedTuple):
    """An answer, read to its end. Names of *headers* match in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Wiring(NamedTuple):
    """How a host is spoken to."""

    connections: int
    insecure: bool = False
    tls: TlsFiles = TlsFiles()


class Transport:
    """A pool of kept-alive connections. Safe to use from several threads."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._lock = threading.Lock()
        self._adapters: dict[str, HTTPAdapter] = {}
        self._proxies: dict[tuple[str, str], dict[str, str]] = {}

    def send(self, request: Request, deadline: Deadline, *, patience: float = READ_SECONDS) -> Reply:
        """Send, follow redirects, and read the answer; raises TransportError.

        Neither Authorization nor a body goes to another host, nor from https to http.
        """
        for _ in range(MAX_REDIRECTS):
            reply = self._send(request, deadline, patience)
            if reply.status not in _REDIRECTS or not reply.headers.get("location"):
                return reply
            request = self._redirected(request, reply)
        raise TransportError(TroubleKind.BROKEN, f"more than {MAX_REDIRECTS} redirects")

    def close(self) -> None:
        """Close what is kept alive."""
        with self._lock:
            adapters = list(self._adapters.values())
            self._adapters.clear()
        for adapter in adapters:
            adapter.close()

    def _redirected(self, request: Request, reply: Reply) -> Request:
        location = reply.headers["location"]
        try:
            url = urljoin(reply.url, location)
            is_same = origin(request.url) == origin(url)
        except ValueError as error:
            raise TransportError(TroubleKind.BROKEN, f"a redirect to {_unsigned(location)!r}") from error
        old, new = urlsplit(request.url), urlsplit(url)
        if new.scheme not in {"https", "http"}:
            raise TransportError(TroubleKind.BROKEN, f"a redirect to {_unsigned(url)!r}")
        if old.scheme == "https" and new.scheme == "http" and not self._wiring.insecure:
            raise TransportError(TroubleKind.UNSAFE, f"a redirect from https to {new.netloc!r} without TLS")
        if not is_same:
            if request.body is not None:  # what is posted is a login
                raise TransportError(TroubleKind.UNSAFE, f"a redirect of the login to {new.netloc!r}")
            request = request._replace(headers=_without(request.headers, "authorization"))
        if reply.status in _TO_GET and request.method == "POST":
            headers = _without(request.headers, "content-type")
            request = request._replace(method="GET", headers=headers, body=None)
        return request._replace(url=url)

    def _send(self, request: Request, deadline: Deadline, patience: float) -> Reply:
        for attempt in (1, 2):
            try:
                return self._attempt(request, deadline, patience)
            except TransportError as error:
                # A kept connection that the server had just closed; a fresh one tells what is really so.
                if attempt == 2 or error.kind is not TroubleKind.BROKEN or not deadline.remaining():  # noqa: PLR2004
                    raise
        raise AssertionError

    def _attempt(self, request: Request, deadline: Deadline, patience: float) -> Reply:
        remaining = max(deadline.remaining(), _MIN_TIMEOUT)
        limits = (min(CONNECT_SECONDS, patience), patience)
        try:
            response = self._adapter(request.url).send(
                _prepared(request),
                stream=True,
                timeout=(min(limits[0], remaining), min(limits[1], remaining)),
                proxies=self._proxies_for(request.url),
            )
            body = _read(response, request.limit, deadline)
        except (requests.RequestException, urllib3_errors.HTTPError, OSError, ValueError) as error:
            # Named is what was configured: what was left differs from run to run, and would be news.
            configured = [limit if limit <= remaining else deadline.seconds for limit in limits]
            raise _trouble(error, *configured) from error
        return Reply(response.status_code, response.headers, body, request.url)

    def _adapter(self, url: str) -> HTTPAdapter:
        scheme = urlsplit(url).scheme
        with self._lock:
            if scheme not in self._adapters:
                context = _context(self._wiring) if scheme == "https" else None
                self._adapters[scheme] = _Adapter(context, self._wiring.connections)
            return self._adapters[scheme]

    def _proxies_for(self, url: str) -> dict[str, str]:
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        if key not in self._proxies:
            self._proxies[key] = get_environ_proxies(url)
        return self._proxies[key]


class _Adapter(HTTPAdapter):
    """An adapter with one TLS context for all connections; requests would load the authorities for each."""

    def __init__(self, context: ssl.SSLContext | None, connections: int) -> None:
        self._context = context
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401
        """Give the context to direct connections."""
        super().init_poolmanager(*arguments, ssl_context=self._context, **settings)

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:  # noqa: ANN401
        """Give the context to connections through a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._context, **settings)

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: Any,  # noqa: ANN401, ARG002
        cert: Any = None,  # noqa: ANN401, ARG002
    ) -> Any:  # noqa: ANN401
        """Say where the pool leads; the context alone says how TLS is done."""
        parts = urlsplit(request.url or "")
        return {"scheme": parts.scheme, "host": parts.hostname, "port": parts.port}, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401
        """Leave certificates to the context."""


def _unsigned(url: str) -> str:
    """Return *url* without its query, which may be a signature that lets everybody in."""
    return url.partition("?")[0]


def _without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() != name}


def _prepared(request: Request) -> requests.PreparedRequest:
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = request.url
    prepared.headers = CaseInsensitiveDict(request.headers)
    prepared.body = request.body
    if request.body is not None:
        prepared.headers["Content-Length"] = str(len(request.body))
    return prepared


def _read(response: requests.Response, limit: int, deadline: Deadline) -> bytes:
    """Read the body; a connection whose answer was not read to its end is closed."""
    body = bytearray()
    done = False
    try:
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > limit:
                raise TransportError(TroubleKind.BROKEN, f"an answer of more than {limit} bytes")
            if not deadline.remaining():
                raise TransportError(TroubleKind.TIMEOUT, "", deadline.seconds)
        done = True
    finally:
        if not done:
            response.raw.close()
        response.raw.release_conn()
    return bytes(body)


def _context(wiring: Wiring) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Engines trust authorities without the extensions that this flag (on since Python 3.13) insists on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.hostname_checks_common_name = False
    if wiring.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        urllib3.disable_warnings(urllib3_errors.InsecureRequestWarning)  # the owner has said so
    else:
        _trust_system(context)
    for path in wiring.tls.authorities:
        try:
            context.load_verify_locations(path)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{path}: must hold certificates in PEM form: {_reason(error)}") from error
    for certificate, key in wiring.tls.pairs:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"{certificate}: must be a certificate that fits {key.name}: {_reason(error)}"
            ) from error
    return context


def _trust_system(context: ssl.SSLContext) -> None:
    """Trust what the system trusts.

    Its folder of authorities, indexed by hash, is read as needed; the one file of all takes 40 ms.
    """
    paths = ssl.get_default_verify_paths()
    folder = Path(paths.capath or os.devnull)
    if any(folder.glob("*.0")) and paths.openssl_cafile_env not in os.environ:
        context.load_verify_locations(capath=folder)
    else:
        context.set_default_verify_paths()


def _trouble(error: Exception, connect: float, read: float) -> TransportError:
    if isinstance(error, requests.exceptions.SSLError | urllib3_errors.SSLError | ssl.SSLError):
        return _tls_trouble(error)
    if isinstance(error, requests.exceptions.ProxyError):
        return TransportError(TroubleKind.UNREACHABLE, f"the proxy failed: {_reason(error)}")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return TransportError(TroubleKind.TIMEOUT, "", connect)
    if isinstance(error, requests.exceptions.Timeout | urllib3_errors.TimeoutError | TimeoutError):
        return TransportError(TroubleKind.TIMEOUT, "", read)
    if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
        return TransportError(TroubleKind.UNREACHABLE, _reason(error))
    return TransportError(TroubleKind.BROKEN, _reason(error))


def _tls_trouble(error: Exception) -> TransportError:
    if isinstance(_innermost(error), ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return TransportError(TroubleKind.BROKEN, "the connection was closed in the middle of TLS")
    return TransportError(TroubleKind.TLS, _tls_reason(error))


def _tls_reason(error: BaseException) -> str:
    text = str(error)
    if match := re.search(r"certificate verify failed: ([^(\"]+)", text):
        return f"its certificate is not trusted ({match[1].strip()})"
    if match := re.search(r"\[SSL: ([A-Z0-9_]+)\]", text):
        return match[1].replace("_", " ").lower()
    return _reason(error)


def _reason(error: BaseException) -> str:
    """Return the innermost reason of an error in words."""
    inner = _innermost(error)
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    cause = inner.__cause__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    text = str(inner).rpartition("Failed to ")[2] or type(inner).__name__
    return text[:1].lower() + text[1:]


def _innermost(error: BaseException) -> BaseException:
    """Return what requests and urllib3 have wrapped, several times."""
    inner = error
    for _ in range(6):
        reason = getattr(inner, "reason", None)
        arguments = getattr(inner, "args", ())
        if isinstance(reason, BaseException):
            inner = reason
        elif arguments and isinstance(arguments[-1], BaseException):
            inner = arguments[-1]
        elif arguments and isinstance(arguments[0], BaseException):
            inner = arguments[0]
        else:
            break
    return inner
