"""Speaks to one registry host: logs in, waits when told to, keeps count of the pull limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from beacon import __version__
from beacon.errors import ConfigError
from beacon.model.reference import DOCKER_HUB
from beacon.registry.auth import Authenticator, Unauthorized
from beacon.registry.headers import parse_budget, retry_after
from beacon.registry.limits import Limits
from beacon.registry.results import Budget, Deferred, Failed, FailureKind, Refusal, failed
from beacon.registry.settings.credentials import Credential
from beacon.registry.settings.registries_conf import RegistryEndpoint
from beacon.registry.tokens import LoginSite
from beacon.registry.transport import (
    READ_SECONDS,
    Deadline,
    Reply,
    Request,
    Transport,
    TransportError,
    TroubleKind,
)

_USER_AGENT = f"beacon/{__version__}"
CONNECTIONS = 16
HUB_CONNECTIONS = 8
"""Docker Hub limits all requests, by an amount it does not say."""
_PROBE_SECONDS = 3.0
_PAUSE = 2.0
_MAX_PAUSES = 3
_MAX_LOGINS = 8
_UNAUTHORIZED, _TOO_MANY, _UNAVAILABLE = 401, 429, 503


class Query(NamedTuple):
    """What is asked of a repository: *path* is within it, or with a slash ahead, within the host.

    *limit* is in bytes.
    """

    repository: str
    path: str
    method: str = "GET"
    accept: str = ""
    limit: int = 4 << 20


class RegistryHost:
    """One endpoint's host. Safe to use from several threads."""

    def __init__(
        self,
        endpoint: RegistryEndpoint,
        transport: Callable[[], Transport],
        lookup: Callable[[str], Credential | None],
        limits: Limits,
    ) -> None:
        self.name = endpoint.registry
        self.connections = HUB_CONNECTIONS if endpoint.registry == DOCKER_HUB else CONNECTIONS
        self.budget: Budget | None = None
        self.answers_head: bool | None = None
        """Whether HEAD was seen to give digests; None as long as nothing was seen."""
        self._netloc = endpoint.host
        self._insecure = endpoint.insecure
        self._schemes: tuple[str, ...] = ("https", "http") if endpoint.insecure else ("https",)
        self._make_transport = transport
        self._transport: Transport | None = None
        self._probing = threading.Lock()
        self._limits = limits
        self._paused_until = time.monotonic() + limits.left(self.name)
        self._auth = Authenticator(LoginSite(self.name, self._base, self._insecure), lookup, self._exchange)

    def expect(self, repositories: Iterable[str]) -> None:
        """Tell which repositories will be asked for."""
        self._auth.expect(repositories)

    def is_guarded(self, repository: str) -> bool:
        """Say whether a login will probably be wanted, so that one request should go ahead of the others."""
        if self.name == DOCKER_HUB:
            return True
        try:
            return self._auth.credential(repository) is not None
        except ConfigError:
            return False

    def warnings(self, repository: str) -> tuple[str, ...]:
        """Return what the owner should know although the registry answered."""
        return self._auth.warnings(repository)

    def ask(self, query: Query, deadline: Deadline, ready: Callable[[], None] = lambda: None) -> Reply:
        """Return the answer, logged in as is needed; *ready* is called as soon as there is a token.

        Raises Refusal where there is none, or where the host wants to be left alone until after *deadline*.
        """
        for attempt in range(_MAX_LOGINS):
            try:
                sent = self._auth.header(query.repository)
                reply = self._send(query, sent, deadline)
                self.budget = parse_budget(reply.headers) or self.budget
                if reply.status != _UNAUTHORIZED:
                    return reply
                if self._auth.answer(Unauthorized(query.repository, sent, reply, attempt == 0), deadline):
                    ready()
            except ConfigError as error:
                raise Refusal(failed(FailureKind.CONFIGURATION, error.message, error.hint)) from error
        problem = f"registry {self.name!r} asks for one login after another"
        raise Refusal(failed(FailureKind.ODD, problem))

    def close(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            self._transport.close()

    def _base(self) -> str:
        return f"{self._schemes[0]}://{self._netloc}"

    def _send(self, query: Query, authorization: str | None, deadline: Deadline) -> Reply:
        """Send over https, and where that is allowed and fails, over http from then on."""
        if len(self._schemes) > 1:
            reply = self._probe(query, authorization, deadline)
            if reply is not None:
                return reply
        return self._exchange(self._request(self._schemes[0], query, authorization), deadline)

    def _probe(self, query: Query, authorization: str | None, deadline: Deadline) -> Reply | None:
        """Find out whether the host speaks TLS, while other threads wait; return the answer, if any."""
        with self._probing:
            if len(self._schemes) == 1:
                return None
            scheme = "https"
            try:
                request = self._request(scheme, query, authorization)
                reply = self._patiently(request, deadline, _PROBE_SECONDS)
            except TransportError as error:
                scheme = "http"
                if error.kind is not TroubleKind.TIMEOUT:
                    self._schemes = (scheme,)
                    return None
                # Slow, or waiting for a line of HTTP: only an answer tells.
                reply = self._exchange(self._request(scheme, query, authorization), deadline)
            self._schemes = (scheme,)
            return reply

    def _request(self, scheme: str, query: Query, authorization: str | None) -> Request:
        path = query.path if query.path.startswith("/") else f"/v2/{query.repository}/{query.path}"
        headers = {"User-Agent": _USER_AGENT}
        if query.accept:
            headers["Accept"] = query.accept
        if authorization is not None:
            headers["Authorization"] = authorization
        return Request(query.method, f"{scheme}://{self._netloc}{path}", headers, None, query.limit)

    def _exchange(self, request: Request, deadline: Deadline) -> Reply:
        headers = {"User-Agent": _USER_AGENT, **request.headers}
        request = Request(request.method, request.url, headers, request.body, request.limit)
        try:
            return self._patiently(request, deadline, READ_SECONDS)
        except TransportError as error:
            raise Refusal(self._trouble(error)) from error

    def _patiently(self, request: Request, deadline: Deadline, patience: float) -> Reply:
        """Send, and wait as long as the host wants; Refusal when that is too long."""
        pause, is_asked = 0.0, False
        for attempt in range(_MAX_PAUSES):
            self._wait(deadline)
            reply = self._connected().send(request, deadline, patience=patience)
            wanted = retry_after(reply.headers.get("retry-after", ""), datetime.now(UTC))
            is_asked = wanted is not None
            if reply.status != _TOO_MANY and not (reply.status == _UNAVAILABLE and is_asked):
                return reply
            pause = _PAUSE * 2**attempt if wanted is None else wanted
            self._paused_until = max(self._paused_until, time.monotonic() + pause)
            if is_asked and pause > deadline.remaining():
                self._limits.note(self.name, pause)
        raise Refusal(self._deferred(pause if is_asked else None))

    def _wait(self, deadline: Deadline) -> None:
        pause = self._paused_until - time.monotonic()
        if pause > deadline.remaining():
            raise Refusal(self._deferred(pause))
        if pause > 0:
            time.sleep(pause)

    def _deferred(self, seconds: float | None) -> Deferred:
        return Deferred(f"registry {self.name!r} asks to be left alone: too many requests", seconds)

    def _connected(self) -> Transport:
        if self._transport is None:
            self._transport = self._make_transport()
        return self._transport

    def _trouble(self, error: TransportError) -> Failed:
        where = f"registry {self.name!r}"
        if error.kind is TroubleKind.TIMEOUT:
            return timed_out(self.name, error.seconds)
        if error.kind is TroubleKind.TLS:
            return failed(
                FailureKind.TLS,
                f"{where} cannot be trusted: {error}",
                f"put its authority into /etc/containers/certs.d/{self.name}/ca.crt, "
                "or set insecure = true for it in registries.conf",
            )
        if error.kind is TroubleKind.UNSAFE:
            return failed(FailureKind.TLS, f"{where} cannot be trusted: {error}")
        if error.kind is TroubleKind.UNREACHABLE:
            return failed(FailureKind.UNREACHABLE, f"{where} cannot be reached: {error}")
        return failed(FailureKind.UNREACHABLE, f"{where} broke off: {error}")


def timed_out(name: str, seconds: float) -> Failed:
    """Return the failure of a host that kept silent."""
    problem = f"registry {name!r} did not answer within {seconds:.3g} s"
    return failed(FailureKind.UNREACHABLE, problem, "see whether the registry is up, and the network with it")
