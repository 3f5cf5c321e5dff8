"""A registry in this process: holds images, asks for logins, and misbehaves as told.

with FakeRegistry() as registry:
    registry.when("HEAD", r"/manifests/", Answer(429, {"Retry-After": "7"}), times=1)

It remembers every request, so that a test can say what was asked and what was not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

TLS_HELLO = b"\x16"


@dataclass(frozen=True)
class Asked:
    """One request, as it came in."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def authorization(self) -> str:
        """What it carried to log in."""
        return self.headers.get("authorization", "")


@dataclass(frozen=True)
class Answer:
    """An answer in place of the real one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Hang:
    """No answer until the registry is closed."""


@dataclass(frozen=True)
class Drip:
    """An answer of which one byte comes every *pause* seconds, in its head or in its body."""

    pause: float
    in_head: bool


@dataclass(frozen=True)
class Headers:
    """The real answer with other headers; None takes one away."""

    headers: Mapping[str, str | None]


@dataclass(frozen=True)
class Body:
    """The real answer with another body."""

    body: bytes


Behaviour = Answer | Hang | Drip | Headers | Body


@dataclass
class Rule:
    """What to do instead, how many times."""

    method: str
    path: re.Pattern[str]
    behaviour: Behaviour
    times: int | None


@dataclass(frozen=True)
class TokenRequest:
    """What a client asked the login service for."""

    scopes: tuple[str, ...]
    authorization: str
    form: Mapping[str, list[str]]


Judge = Callable[[TokenRequest], "Answer | None"]
"""Refuses a token, or lets it be given."""


class FakeRegistry:
    """A registry at ``127.0.0.1`` (or *host*), over TLS when given a *context*."""

    def __init__(self, context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1") -> None:
        self.asked: list[Asked] = []
        self.token_requests: list[TokenRequest] = []
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.password = ""
        self.wants_token = False
        self.private: set[str] = set()
        """Repositories that no token of somebody unknown opens."""
        self.judge: Judge = lambda _request: None
        self.delay = 0.0
        self.closing = threading.Event()
        self._issued: dict[str, tuple[str, ...]] = {}
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._server = _Server(self, context)
        self.host = f"{host}:{self._server.server_address[1]}"
        self.url = f"{'https' if context else 'http'}://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.drop_connections()
        self._server.server_close()
        self._thread.join()

    def when(self, method: str, path: str, behaviour: Behaviour, *, times: int | None = None) -> None:
        """Behave so for requests whose path matches, the next *times* or always; the last word counts."""
        self._rules.insert(0, Rule(method, re.compile(path), behaviour, times))

    def counted(self, method: str, path: str = "") -> int:
        """Return how many such requests came in."""
        return sum(1 for asked in self.asked if asked.method == method and re.search(path, asked.path))

    def put_blob(self, data: bytes) -> str:
        """Hold a blob and return its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blobs[digest] = data
        return digest

    def put_manifest(self, repository: str, selector: str, media_type: str, body: bytes) -> str:
        """Hold a manifest under a tag or digest and return its digest."""
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.manifests.setdefault(repository, {})[digest] = (media_type, body)
        tags = self.tags.setdefault(repository, {})
        if ":" not in selector:
            tags[selector] = digest
        return digest

    def behaviour(self, asked: Asked) -> Behaviour | None:
        """Note a request and return how to misbehave, if at all."""
        with self._lock:
            self.asked.append(asked)
            for rule in self._rules:
                if rule.method in {asked.method, "*"} and rule.path.search(asked.path) and rule.times != 0:
                    rule.times = None if rule.times is None else rule.times - 1
                    return rule.behaviour
        return None

    def challenge(self, asked: Asked) -> Answer | None:
        """Return the refusal of a request that is not logged in as it should be."""
        if asked.path == "/token":
            return None
        if self.password and not self.wants_token:
            wanted = "Basic " + base64.b64encode(self.password.encode()).decode()
            headers = {"WWW-Authenticate": 'Basic realm="fake, with a comma"'}
            return None if asked.authorization == wanted else _refusal(headers)
        if not self.wants_token:
            return None
        repository = _repository(asked.path)
        scope = f"repository:{repository}:pull"
        granted = self._issued.get(asked.authorization.removeprefix("Bearer "))
        if granted is not None and scope in granted:
            return None
        error = ',error="insufficient_scope"' if granted is not None else ""
        realm = f'Bearer realm="{self.url}/token",service="Fake Service",scope="{scope}"{error}'
        return _refusal({"WWW-Authenticate": realm})

    def token(self, asked: Asked) -> Answer:
        """Give a token, as the login service."""
        form = urllib.parse.parse_qs(asked.body.decode())
        named = form.get("scope", [""])[0].split() if asked.method == "POST" else asked.query.get("scope", [])
        request = TokenRequest(tuple(named), asked.authorization, form)
        with self._lock:
            self.token_requests.append(request)
        refusal = self.judge(request)
        if refusal is not None:
            return refusal
        known = "Basic " + base64.b64encode(self.password.encode()).decode()
        if request.authorization and request.authorization != known:
            return _refusal({}, "incorrect username or password")
        is_known = bool(request.authorization or form.get("refresh_token"))
        scopes = tuple(scope for scope in named if is_known or scope.split(":")[1] not in self.private)
        value = f"token{len(self.token_requests)}.{len(scopes)}"
        self._issued[value] = scopes
        return Answer(200, {}, json.dumps({"token": value, "expires_in": 300}).encode())

    def revoke(self) -> None:
        """Forget all tokens."""
        self._issued.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, registry: FakeRegistry, context: ssl.SSLContext | None) -> None:
        self.registry = registry
        self.context = context
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def drop_connections(self) -> None:
        for connection in tuple(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        assert isinstance(request, socket.socket)
        connection = request
        try:
            if self.context is not None:
                connection = self.context.wrap_socket(request, server_side=True)
            elif request.recv(1, socket.MSG_PEEK) == TLS_HELLO:
                return
        except OSError:
            return
        else:
            self._open.add(connection)
            super().process_request_thread(connection, client_address)
        finally:
            self._open.discard(connection)
            connection.close()
            request.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _handle(self) -> None:
        registry = self.server.registry
        parts = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, urllib.parse.parse_qs(parts.query), headers, body)
        behaviour = registry.behaviour(asked)
        time.sleep(registry.delay)
        if isinstance(behaviour, Hang):
            registry.closing.wait()
            self.close_connection = True
            return
        if isinstance(behaviour, Answer):
            self._send(behaviour)
            return
        real = registry.challenge(asked) or self._answer(asked)
        if isinstance(behaviour, Headers):
            changed = {**real.headers, **behaviour.headers}
            real = Answer(real.status, {k: v for k, v in changed.items() if v is not None}, real.body)
        if isinstance(behaviour, Body):
            real = Answer(real.status, real.headers, behaviour.body)
        if isinstance(behaviour, Drip):
            self._drip(real, behaviour)
            return
        self._send(real)

    do_GET = do_HEAD = do_POST = do_PUT = _handle  # noqa: N815

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _drip(self, answer: Answer, drip: Drip) -> None:
        self.close_connection = True
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nX-Padding: "
        if not drip.in_head:
            self.wfile.write(head + b"\r\n\r\n")
        else:
            self.wfile.write(head)
        while not self.server.registry.closing.wait(drip.pause):
            self.wfile.write(answer.body[:1] or b"x")

    def _answer(self, asked: Asked) -> Answer:
        routes: dict[str, Callable[[Asked, re.Match[str]], Answer]] = {
            r"/token": lambda asked, _match: self.server.registry.token(asked),
            r"/v2/": lambda _asked, _match: Answer(200, {}, b"{}"),
            r"/v2/(.+)/manifests/([^/]+)": lambda asked, match: self._manifest(asked, match[1], match[2]),
            r"/v2/(.+)/blobs/uploads/(\w*)": lambda asked, match: self._upload(asked, match[1]),
            r"/v2/(.+)/blobs/([^/]+)": lambda _asked, match: self._blob(match[2]),
            r"/v2/(.+)/tags/list": lambda _asked, match: self._tags(match[1]),
        }
        for pattern, answer in routes.items():
            if match := re.fullmatch(pattern, asked.path):
                return answer(asked, match)
        return _error(404, "UNSUPPORTED", "no such page")

    def _blob(self, digest: str) -> Answer:
        data = self.server.registry.blobs.get(digest)
        return Answer(200, {}, data) if data is not None else _error(404, "BLOB_UNKNOWN", "no such blob")

    def _manifest(self, asked: Asked, repository: str, selector: str) -> Answer:
        registry = self.server.registry
        if asked.method == "PUT":
            registry.put_manifest(repository, selector, asked.headers["content-type"], asked.body)
            return Answer(201)
        if repository not in registry.manifests:
            return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
        digest = registry.tags[repository].get(selector, selector)
        if digest not in registry.manifests[repository]:
            return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        media_type, body = registry.manifests[repository][digest]
        if media_type not in asked.headers.get("accept", ""):
            return _error(404, "MANIFEST_UNKNOWN", "the Accept header does not support it")
        return Answer(200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, body)

    def _upload(self, asked: Asked, repository: str) -> Answer:
        if asked.method == "POST":
            return Answer(202, {"Location": f"/v2/{repository}/blobs/uploads/1"})
        self.server.registry.put_blob(asked.body)
        return Answer(201)

    def _tags(self, repository: str) -> Answer:
        tags = self.server.registry.tags.get(repository)
        if tags is None:
            return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
        return Answer(200, {}, json.dumps({"name": repository, "tags": sorted(tags)}).encode())


def _repository(path: str) -> str:
    match = re.match(r"/v2/(.+)/(?:manifests|blobs|tags)/", path)
    return match[1] if match else ""


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {}, json.dumps({"errors": [{"code": code, "message": message}]}).encode())


def _refusal(headers: Mapping[str, str], message: str = "authentication required") -> Answer:
    body = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": message}]}).encode()
    return Answer(401, headers, body)
