"""Gets tokens from a registry's login service (distribution, token and OAuth2 specifications)."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

from beacon.formats.jsontext import read_json
from beacon.registry.headers import Challenge
from beacon.registry.results import FailureKind, Refusal, failed
from beacon.registry.settings.credentials import Credential
from beacon.registry.transport import Deadline, Reply, Request, origin

MIN_VALIDITY = 60.0
"""Tokens hold at least this long, whatever expires_in says (token specification)."""
MAX_VALIDITY = 86400.0
_MARGIN = 5.0
_CLIENT = "beacon"
_OK = 200
_REFUSALS = frozenset({400, 401, 403, 404})
_SERVER_ERROR = 500

Send = Callable[[Request, Deadline], Reply]
"""Sends a request as it is; raises Refusal where no answer comes."""


class LoginSite(NamedTuple):
    """The registry that is logged in to. *base* gives its address, https or http."""

    registry: str
    base: Callable[[], str]
    insecure: bool = False


class Token(NamedTuple):
    """A token as the header that carries it, good until *expires* on the monotonic clock."""

    header: str
    expires: float

    def is_valid(self) -> bool:
        """Whether it can still be sent."""
        return time.monotonic() < self.expires


class RefusedTokenError(Exception):
    """The login service says no, with that status; str() is what it says."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class LoginService(NamedTuple):
    """The realm that a Bearer challenge names."""

    site: LoginSite
    challenge: Challenge
    send: Send

    def token(self, scopes: tuple[str, ...], credential: Credential | None, deadline: Deadline) -> Token:
        """Return a token for all *scopes*; RefusedTokenError when the service will not give one."""
        realm = self._realm(credential)
        query = [(name, value) for name, value in self.challenge.parameters.items() if name == "service"]
        if credential is not None and credential.identity_token is not None:
            request = _refresh(realm, query, scopes, credential.identity_token.reveal())
        else:
            query += [("scope", scope) for scope in scopes]
            headers = {"Authorization": basic(credential)} if credential is not None else {}
            request = Request("GET", _with_query(realm, query), headers)
        reply = self.send(request, deadline)
        if reply.status in _REFUSALS:
            raise RefusedTokenError(reply.status, detail_of(reply.body))
        if reply.status != _OK:
            kind = FailureKind.SERVER_ERROR if reply.status >= _SERVER_ERROR else FailureKind.ODD
            raise self._problem(kind, f"answered with status {reply.status}")
        return self._read(reply.body)

    def _realm(self, credential: Credential | None) -> str:
        realm = self.challenge.parameters.get("realm", "")
        try:
            scheme, host, _ = origin(realm)
        except ValueError:
            scheme, host = "", None
        if scheme not in {"https", "http"} or not host:
            raise self._problem(FailureKind.ODD, "is no address to log in at")
        is_plain = scheme == "http" and self.site.base().startswith("https:")
        if is_plain and credential is not None and not self.site.insecure:
            raise self._problem(FailureKind.TLS, "wants the password sent without TLS")
        return realm

    def _read(self, body: bytes) -> Token:
        try:
            document = read_json(body)
            value = document.get("token") or document.get("access_token")
            seconds = float(document.get("expires_in") or 0)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise self._problem(FailureKind.ODD, "gave an unreadable token") from error
        if not isinstance(value, str) or not value or not (value.isascii() and value.isprintable()):
            raise self._problem(FailureKind.ODD, "gave no token")
        seconds = min(max(MIN_VALIDITY, seconds), MAX_VALIDITY)  # the least first: it is what NaN comes to
        return Token(f"Bearer {value}", time.monotonic() + seconds - _MARGIN)

    def _problem(self, kind: FailureKind, what: str) -> Refusal:
        realm = self.challenge.parameters.get("realm", "")
        return Refusal(failed(kind, f"the login service {realm!r} of registry {self.site.registry!r} {what}"))


def basic(credential: Credential) -> str:
    """Return the header of Basic authentication (RFC 7617)."""
    pair = f"{credential.username}:{credential.password.reveal()}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def detail_of(body: bytes) -> str:
    """Return what an error document says, of a registry (``errors[].message``) or of a login service."""
    try:
        document = read_json(body)
    except ValueError:
        return ""
    document = document if isinstance(document, dict) else {}
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else document
    first = first if isinstance(first, dict) else {}
    words = first.get("message") or first.get("details") or first.get("code")
    text = " ".join(words.split()) if isinstance(words, str) else ""
    return "".join(character for character in text if character.isprintable())[:200]


def _with_query(url: str, query: list[tuple[str, str]]) -> str:
    parts = urlsplit(url)
    joined = "&".join(part for part in (parts.query, urlencode(query)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, joined, ""))


def _refresh(realm: str, query: list[tuple[str, str]], scopes: tuple[str, ...], token: str) -> Request:
    form = [("grant_type", "refresh_token"), *query, ("client_id", _CLIENT)]
    form += [("scope", " ".join(scopes)), ("refresh_token", token)]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", realm, headers, urlencode(form).encode())
