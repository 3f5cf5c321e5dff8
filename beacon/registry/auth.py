"""Logs in to one registry: what to send, and what to try next when that is refused.

Logins are used only when the registry asks for one. One token serves all repositories of a check; one thread
gets it while the others wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from beacon.errors import ConfigError
from beacon.registry.headers import Challenge, parse_challenges
from beacon.registry.results import Failed, FailureKind, Refusal, failed
from beacon.registry.settings.credentials import Credential
from beacon.registry.tokens import LoginService, LoginSite, RefusedTokenError, Send, Token, basic
from beacon.registry.transport import Deadline, Reply, Request, origin

_MAX_SCOPES_LENGTH = 6000
"""In one URL: common servers take 8 KiB for the whole of it."""
_UNAUTHORIZED = 401

Attempt = tuple[Credential | None, tuple[str, ...]]


class Unauthorized(NamedTuple):
    """A 401 for *repository*, to a request that carried *sent*; *is_first* is the first of that request."""

    repository: str
    sent: str | None
    reply: Reply
    is_first: bool


class Authenticator:
    """The logins of one registry, and what is known of how it wants them. Safe to use from several threads.

    A login that was refused is not sent again as long as this object lives: registries lock out who keeps
    trying.
    """

    def __init__(self, site: LoginSite, lookup: Callable[[str], Credential | None], send: Send) -> None:
        self._site = site
        self._lookup = lookup
        self._send = send
        self._lock = threading.Lock()
        self._credentials: dict[str, Credential | None] = {}
        self._expected: tuple[str, ...] = ()
        self._tokens: dict[str, Token] = {}
        self._tried: dict[str, set[Attempt]] = {}
        self._uncombined: set[Credential | None] = set()
        self._shared: set[tuple[str, Credential | None]] = set()
        """Who was in a request for all together: once each, or threads would replace each other's tokens."""
        self._accepted: set[Credential] = set()
        self._refused: set[Credential] = set()
        self._anonymous: set[str] = set()
        self._is_basic = False
        self._troubles = 0
        self._trouble: Refusal | None = None

    def expect(self, repositories: Iterable[str]) -> None:
        """Tell which repositories will be asked for, so that one token serves them all."""
        self._expected = tuple(dict.fromkeys(repositories))
        self._uncombined = set()
        self._shared = set()

    def credential(self, repository: str) -> Credential | None:
        """Return the login that is stored for a repository; raises ConfigError."""
        if repository not in self._credentials:
            self._credentials[repository] = self._lookup(repository)
        return self._credentials[repository]

    def header(self, repository: str) -> str | None:
        """Return the Authorization to send; None as long as the registry has not asked for one."""
        token = self._tokens.get(repository)
        if token is not None and token.is_valid():
            return token.header
        credential = self._usable(repository) if self._is_basic else None
        return basic(credential) if credential is not None else None

    def warnings(self, repository: str) -> tuple[str, ...]:
        """Return what the owner should know of the login although the registry answered."""
        credential = self._credentials.get(repository)
        if credential is None or repository not in self._anonymous:
            return ()
        return (f"{self._words(credential)} was refused; without a login it went well",)

    def answer(self, rejected: Unauthorized, deadline: Deadline) -> bool:
        """Make :meth:`header` give what to try next; Refusal when there is nothing left.

        Return whether that is a token: a password is only known to be good when it has been used.
        """
        if not self._is_own(rejected.reply):
            raise Refusal(_foreign(self._site.registry, rejected.reply.url))
        troubles = self._troubles
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise Refusal(_late(self._site.registry, deadline))
        try:
            if self._troubles != troubles and self._trouble is not None:
                raise self._trouble  # found out by another thread while this one waited
            if self.header(rejected.repository) in {None, rejected.sent}:
                self._next(rejected, deadline)
        except Refusal as refusal:
            self._tokens.pop(rejected.repository, None)
            if _is_of_host(refusal):
                self._troubles, self._trouble = self._troubles + 1, refusal
            raise
        else:
            return not self._is_basic
        finally:
            self._lock.release()

    def _next(self, rejected: Unauthorized, deadline: Deadline) -> None:
        if rejected.is_first:
            self._tried.pop(rejected.repository, None)
        self._tokens.pop(rejected.repository, None)
        schemes = {challenge.scheme: challenge for challenge in self._challenges(rejected.reply, deadline)}
        if "bearer" in schemes:
            service = LoginService(self._site, schemes["bearer"], self._send)
            self._get_token(rejected.repository, service, deadline)
        elif "basic" in schemes:
            self._use_password(rejected)
        else:
            raise self._problem(rejected.repository)

    def _challenges(self, reply: Reply, deadline: Deadline) -> tuple[Challenge, ...]:
        challenges = parse_challenges(reply.headers.get("www-authenticate", ""))
        if challenges:
            return challenges
        # gcr.io once refused without a word; its front page told how to log in.
        front = self._send(Request("GET", f"{self._site.base()}/v2/", {}), deadline)
        return parse_challenges(front.headers.get("www-authenticate", "")) if self._is_own(front) else ()

    def _is_own(self, reply: Reply) -> bool:
        """Whether the registry itself answers: others would have its login sent to whom they like."""
        return origin(reply.url) == origin(self._site.base())

    def _use_password(self, rejected: Unauthorized) -> None:
        credential = self._usable(rejected.repository)
        if credential is None or credential.identity_token is not None:
            raise self._problem(rejected.repository)
        if rejected.sent == basic(credential):
            self._refused.add(credential)
            raise self._problem(rejected.repository)
        self._is_basic = True

    def _get_token(self, repository: str, service: LoginService, deadline: Deadline) -> None:
        """Get the next token that was not tried; without the login when that brought nothing."""
        tried = self._tried.setdefault(repository, set())
        detail = ""
        while True:
            credential = self._usable(repository)
            attempts = ((credential, scopes) for scopes in self._scopes(repository, service.challenge))
            attempt = next((one for one in attempts if one not in tried), None)
            if attempt is not None:
                tried.add(attempt)
                if len(attempt[1]) > 1:
                    self._shared.update((_repository(scope), credential) for scope in attempt[1])
                try:
                    self._keep(repository, attempt, service.token(attempt[1], credential, deadline))
                except RefusedTokenError as error:
                    detail = str(error)
                    self._learn(attempt, error, service, deadline)
                else:
                    return
            elif credential is not None:
                self._anonymous.add(repository)
            else:
                raise self._problem(repository, detail)

    def _scopes(self, repository: str, challenge: Challenge) -> Iterator[tuple[str, ...]]:
        """Yield what to ask for: all repositories together, what the registry names, this one alone."""
        credential = self._usable(repository)
        if credential not in self._uncombined and (repository, credential) not in self._shared:
            yield self._together(repository, credential)
        if challenge.parameters.get("error") == "insufficient_scope":
            yield tuple(challenge.parameters.get("scope", "").split()) or (_scope(repository),)
        yield (_scope(repository),)

    def _together(self, repository: str, credential: Credential | None) -> tuple[str, ...]:
        scopes = [_scope(repository)]
        length = 0
        for other in self._expected:
            token = self._tokens.get(other)
            if other == repository or (other, credential) in self._shared or (token and token.is_valid()):
                continue
            scope = _scope(other)
            length += len(scope)
            if length < _MAX_SCOPES_LENGTH and self._shares(other, credential):
                scopes.append(scope)
        return tuple(scopes)

    def _shares(self, repository: str, credential: Credential | None) -> bool:
        """Whether a repository has that login; where its own cannot be read, it fails by itself."""
        try:
            return self._usable(repository) == credential
        except ConfigError:
            return False

    def _keep(self, repository: str, attempt: Attempt, token: Token) -> None:
        credential, scopes = attempt
        if credential is not None:
            self._accepted.add(credential)
        for name in (repository, *map(_repository, scopes)):
            self._tokens[name] = token

    def _learn(
        self, attempt: Attempt, error: RefusedTokenError, service: LoginService, deadline: Deadline
    ) -> None:
        """Find out whether the login is bad, or only one of the repositories out of its reach."""
        credential, scopes = attempt
        if len(scopes) > 1:
            self._uncombined.add(credential)
        if credential is None or credential in self._accepted or error.status != _UNAUTHORIZED:
            return
        try:
            service.token((), credential, deadline)
        except RefusedTokenError as again:
            if again.status == _UNAUTHORIZED:
                self._refused.add(credential)
                return
        self._accepted.add(credential)

    def _usable(self, repository: str) -> Credential | None:
        credential = self.credential(repository)
        if credential in self._refused:
            self._anonymous.add(repository)
        return None if repository in self._anonymous else credential

    def _problem(self, repository: str, detail: str = "") -> Refusal:
        credential = self.credential(repository)
        said = f": {detail}" if detail else ""
        registry = self._site.registry
        if credential is not None:
            return Refusal(
                failed(
                    FailureKind.LOGIN_REFUSED,
                    f"{self._words(credential)} was refused for {repository!r}{said}",
                    f"check the name, or log in again: beacon login {registry}",
                )
            )
        return Refusal(
            failed(
                FailureKind.LOGIN_NEEDED,
                f"registry {registry!r} wants a login for {repository!r}, or has no such repository{said}",
                f"check the name, or log in: beacon login {registry}",
            )
        )

    def _words(self, credential: Credential) -> str:
        user = f" of {credential.username!r}" if credential.username else ""
        source = f" from {credential.source}" if credential.source else ""
        return f"the login{user} at registry {self._site.registry!r}{source}"


def _late(registry: str, deadline: Deadline) -> Failed:
    return failed(
        FailureKind.UNREACHABLE, f"registry {registry!r} gave no login within {deadline.seconds:g} s"
    )


def _foreign(registry: str, url: str) -> Failed:
    parts = urlsplit(url)
    where = f"{parts.scheme}://{parts.netloc}"
    return failed(
        FailureKind.ODD,
        f"registry {registry!r} leads to {where!r}, which wants a login of its own",
        "name the image as it is named there, or ask who runs the registry",
    )


def _is_of_host(refusal: Refusal) -> bool:
    """Whether what went wrong concerns every repository, so that waiting threads need not try it too."""
    outcome = refusal.outcome
    return not isinstance(outcome, Failed) or outcome.kind not in {
        FailureKind.LOGIN_NEEDED,
        FailureKind.LOGIN_REFUSED,
    }


def _scope(repository: str) -> str:
    return f"repository:{repository}:pull"


def _repository(scope: str) -> str:
    return scope.removeprefix("repository:").rpartition(":")[0]
