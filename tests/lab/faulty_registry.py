"""A registry that misbehaves when told to: a proxy in front of the real one, which remembers all requests.

    with FaultyRegistry(host.registry, (ground.slot.address(1), 5001)) as proxy:
        proxy.when(r"/v2/me/web/manifests/", Answer(429, {"Retry-After": "7"}), times=1)

Hosts know it as proxy.example:5001. By hand, as a registry that is 50 ms away:

    python3 tests/lab/faulty_registry.py --listen 127.0.0.1:5001 --upstream 127.0.0.1:5000 --delay 50
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import math
import re
import secrets
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

MANIFEST = re.compile(r"/v2/(?P<repository>.+)/manifests/(?P<tag>[^/:]+)$")
_PIECE = 1 << 16
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host"}


@dataclass(frozen=True)
class Delay:
    """Answer so many seconds later."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Do not answer at all, until `FaultyRegistry.release`; then close the connection."""


@dataclass(frozen=True)
class Answer:
    """Answer with a status of its own, without asking the real registry."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class AddHeaders:
    """Add headers to the real answer or replace them: ratelimit-remaining, a false Docker-Content-Digest."""

    headers: Mapping[str, str]


@dataclass(frozen=True)
class ReplaceBody:
    """Put other content in the place of the real one, under the headers of the real one."""

    body: bytes


@dataclass(frozen=True)
class Dam:
    """Send of the real answer what `FaultyRegistry.let_through` allows for all of them together."""


Fault = Delay | Hang | Answer | AddHeaders | ReplaceBody | Dam


@dataclass(frozen=True)
class Request:
    """What a client asked, and the status it got; 0 when it got none."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who may read what: accounts by name, and whether the others may read too."""

    accounts: Mapping[str, str]
    anonymous: bool = False
    """Whether a token is given without an account."""
    combined_scopes: bool = True
    """Whether one token may be asked for more than one scope; some registries refuse."""
    basic: bool = False
    """Ask for the account with each request (Basic) instead of for a token (Bearer)."""
    lifetime: float = 300
    """Seconds until a token is worth nothing."""


@dataclass
class _Rule:
    pattern: re.Pattern[str]
    faults: tuple[Fault, ...]
    method: str | None
    left: float


class FaultyRegistry:
    """The proxy, with all that it was told and all that it saw."""

    def __init__(self, upstream: str, listen: tuple[str, int], *, name: str = "proxy.example") -> None:
        self.upstream = upstream
        self.requests: list[Request] = []
        self.login: Login | None = None
        self._rules: list[_Rule] = []
        self._frozen: dict[tuple[str, str], str] | None = None
        self._tokens: dict[str, tuple[frozenset[str], float]] = {}
        self._lock = threading.Lock()
        self._released = threading.Event()
        self.sent = 0
        """How many bytes of answers have come through a `Dam`."""
        self._allowed = 0.0
        self._changed = threading.Condition()
        self._server = _Server(listen, self)
        self.address = f"{name}:{self._server.server_port}"
        """How hosts call it, in front of a repository."""
        self.listening = listen

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self.let_through(math.inf)
        self._server.shutdown()
        self._server.server_close()

    # What it is told

    def when(self, pattern: str, *faults: Fault, method: str | None = None, times: float = math.inf) -> None:
        """Apply *faults* to requests whose path and query match *pattern*, so often; the last rule wins."""
        with self._lock:
            self._rules.insert(0, _Rule(re.compile(pattern), faults, method, times))

    def freeze_tags(self) -> None:
        """From now on serve each tag as it was when first asked for: a mirror that lags behind."""
        self._frozen = {}

    def let_through(self, count: float) -> None:
        """Have a `Dam` let *count* bytes through in all, with those that it has let through already."""
        with self._changed:
            self._allowed = count
            self._changed.notify_all()

    def release(self) -> None:
        """Let go of the requests that hang, and of those that would."""
        self._released.set()

    def reset(self) -> None:
        """Behave again, and forget."""
        with self._lock:
            self._rules.clear()
            self.requests.clear()
        self.login = self._frozen = None
        self._released.set()
        self._released = threading.Event()

    # What it saw

    def seen(self, pattern: str = "", method: str | None = None) -> list[Request]:
        """Return the requests whose path and query match *pattern*."""
        with self._lock:
            return [
                seen
                for seen in self.requests
                if re.search(pattern, seen.path) and method in (None, seen.method)
            ]

    # For the handlers

    def note(self, request: Request) -> None:
        """Remember a request."""
        with self._lock:
            self.requests.append(request)

    def faults(self, method: str, path: str) -> tuple[Fault, ...]:
        """Return what to do wrong, and count it."""
        with self._lock:
            for rule in self._rules:
                if rule.left >= 1 and rule.method in (None, method) and rule.pattern.search(path):
                    rule.left -= 1
                    return rule.faults
        return ()

    def dammed(self, content: bytes) -> Iterator[bytes]:
        """Yield *content* in pieces, as far as it may come through by now."""
        for start in range(0, len(content), _PIECE):
            piece = content[start : start + _PIECE]
            with self._changed:
                self._changed.wait_for(lambda: self.sent < self._allowed)
                self.sent += len(piece)
            yield piece

    def hang(self) -> None:
        """Wait until released."""
        self._released.wait()

    def thaw(self, path: str) -> str:
        """Return the path to ask the real registry for: the digest of a tag that is frozen."""
        found = MANIFEST.search(path)
        if self._frozen is None or not found:
            return path
        digest = self._frozen.get((found["repository"], found["tag"]))
        return path if digest is None else f"/v2/{found['repository']}/manifests/{digest}"

    def freeze(self, path: str, digest: str | None) -> None:
        """Remember what a tag pointed to."""
        found = MANIFEST.search(path)
        if self._frozen is not None and found and digest:
            self._frozen.setdefault((found["repository"], found["tag"]), digest)

    def challenge(self, method: str, path: str, authorization: str) -> str:
        """Return the WWW-Authenticate header to answer with, or nothing when the request may pass."""
        login = self.login
        if login is None:
            return ""
        if login.basic:
            return "" if self.account(authorization) else 'Basic realm="faulty"'
        repository = re.match(r"/v2/(.+?)/(manifests|blobs|tags)/", path)
        action = "pull" if method in ("GET", "HEAD") else "push"
        scope = f"repository:{repository[1]}:{action}" if repository else ""
        scopes, until = self._tokens.get(authorization.removeprefix("Bearer "), (frozenset(), 0))
        if time.monotonic() < until and (not scope or scope in scopes):
            return ""
        wanted = f',scope="{scope}"' if scope else ""
        return f'Bearer realm="http://{self.address}/token",service="faulty"{wanted}'

    def account(self, authorization: str) -> str:
        """Return the account that a Basic header proves, or nothing."""
        scheme, _, encoded = authorization.partition(" ")
        if self.login is None or scheme.lower() != "basic":
            return ""
        name, _, password = base64.b64decode(encoded).decode().partition(":")
        return name if self.login.accounts.get(name) == password else ""

    def token(self, authorization: str, query: Mapping[str, list[str]]) -> Answer:
        """Answer a request at the token endpoint."""
        login = self.login
        scopes = [scope for value in query.get("scope", []) for scope in value.split()]
        if login is None:
            return Answer(404)
        password = login.accounts.get(query.get("username", [""])[0])
        by_form = password is not None and password == query.get("password", [""])[0]
        if not (self.account(authorization) or by_form or (login.anonymous and not authorization)):
            return Answer(401, body='{"errors":[{"code":"UNAUTHORIZED"}]}')
        if len(scopes) > 1 and not login.combined_scopes:
            return Answer(400, body='{"errors":[{"code":"UNSUPPORTED","message":"one scope at a time"}]}')
        token = secrets.token_hex(16)
        granted = frozenset(
            f"{kind}:{action}"
            for kind, _, actions in (scope.rpartition(":") for scope in scopes)
            for action in actions.split(",")
        )
        self._tokens[token] = (granted, time.monotonic() + login.lifetime)
        body = {"token": token, "access_token": token, "expires_in": int(login.lifetime)}
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(body))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, listen: tuple[str, int], registry: FaultyRegistry) -> None:
        self.registry = registry
        super().__init__(listen, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away: they were made to."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, with one of its own to the real registry."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # one packet for an answer that is small
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.registry = self.server.registry
        self.upstream = http.client.HTTPConnection(self.registry.upstream, timeout=60)

    def finish(self) -> None:
        self.upstream.close()
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's word)
        """Say nothing; `requests` remembers."""

    def handle_any(self) -> None:
        """Answer one request, wrongly if told so."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        faults = self.registry.faults(self.command, self.path)
        for fault in faults:
            match fault:
                case Delay(seconds):
                    time.sleep(seconds)
                case Hang():
                    self._note(0)
                    self.registry.hang()
                    self.close_connection = True
                    return
                case Answer():
                    self._answer(fault)
                    return
                case _:
                    pass
        self._pass_on(body, faults)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 (the base class's)

    def _pass_on(self, body: bytes, faults: tuple[Fault, ...]) -> None:
        url = urllib.parse.urlsplit(self.path)
        authorization = self.headers.get("Authorization", "")
        if url.path == "/token":
            query = urllib.parse.parse_qs(url.query or body.decode())
            self._answer(self.registry.token(authorization, query))
            return
        if challenge := self.registry.challenge(self.command, url.path, authorization):
            refusal = '{"errors":[{"code":"UNAUTHORIZED"}]}'
            self._answer(Answer(401, {"WWW-Authenticate": challenge}, refusal))
            return
        answer = self._ask(self.registry.thaw(self.path), body)
        content = answer.read()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        self.registry.freeze(self.path, headers.get("Docker-Content-Digest"))
        for fault in faults:
            if isinstance(fault, AddHeaders):
                headers |= fault.headers
            if isinstance(fault, ReplaceBody):
                content = fault.body
                headers["Content-Length"] = str(len(content))
        self._send(answer.status, headers, content, dammed=Dam() in faults)

    def _ask(self, path: str, body: bytes) -> http.client.HTTPResponse:
        try:
            return self._ask_once(path, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.upstream.close()  # the real registry closed a connection that had been idle
            return self._ask_once(path, body)

    def _ask_once(self, path: str, body: bytes) -> http.client.HTTPResponse:
        self.upstream.putrequest(self.command, path, skip_accept_encoding=True)
        for name, value in self.headers.items():  # a name may come more than once: Accept does
            if name.lower() not in HOP_BY_HOP | {"authorization"}:
                self.upstream.putheader(name, value)
        self.upstream.endheaders(body or None)
        return self.upstream.getresponse()

    def _answer(self, answer: Answer) -> None:
        content = answer.body.encode()
        self._send(answer.status, {**answer.headers, "Content-Length": str(len(content))}, content)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes, *, dammed: bool = False) -> None:
        self._note(status)
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            for piece in self.registry.dammed(content) if dammed else [content]:
                self.wfile.write(piece)
                if dammed:
                    self.wfile.flush()

    def _note(self, status: int) -> None:
        self.registry.note(Request(self.command, self.path, status, dict(self.headers.items())))


def _main() -> None:
    parser = argparse.ArgumentParser(description="a registry that is further away than it is")
    parser.add_argument("--listen", default="127.0.0.1:5001", help="address and port (%(default)s)")
    parser.add_argument("--upstream", default="127.0.0.1:5000", help="the real registry (%(default)s)")
    parser.add_argument("--delay", type=float, default=0, help="milliseconds before each answer")
    options = parser.parse_args()
    address, _, port = options.listen.rpartition(":")
    with FaultyRegistry(options.upstream, (address, int(port)), name=address) as proxy:
        if options.delay:
            proxy.when("", Delay(options.delay / 1000))
        threading.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        _main()
