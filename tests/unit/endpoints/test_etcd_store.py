"""The conversation with etcd, where it goes otherwise than it should."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from beacon.endpoints.routing.publisher import Change, Entry
from beacon.endpoints.stores.etcd import EtcdPublisher
from beacon.errors import ConfigError, StoreError
from beacon.model.endpoints.publication import EtcdAccess
from beacon.model.sensitive import Sensitive

Answer = tuple[int, object]
"""A status of HTTP, and what is said as JSON."""
Asked = tuple[str, str | None]
"""A method of the gateway, and the token that it was asked with."""

EMPTY: Answer = (200, {"responses": [{"response_range": {}}]})


class Gateway:
    """Answers as *says* does, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.says: Callable[[Asked], Answer] = lambda _: EMPTY
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                asked = (self.path.removeprefix("/v3/"), self.headers.get("Authorization"))
                gateway.asked.append(asked)
                status, said = gateway.says(asked)
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def publisher(self, user: str | None = None) -> EtcdPublisher:
        port = self._server.server_port
        return EtcdPublisher(EtcdAccess(host="127.0.0.1", port=port, user=user, password=Sensitive("p")))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


@pytest.mark.parametrize("host", ["etcd..lan", f"{'a' * 64}.lan"])
def test_a_name_that_no_host_has_is_the_store_s_trouble_alone(host: str) -> None:
    with pytest.raises(StoreError, match=r"cannot reach .*: no host has such a name"):
        EtcdPublisher(EtcdAccess(host=host)).read(["a"])


@pytest.mark.parametrize(
    "said",
    [
        [],
        {"responses": [[]]},
        {"responses": 1},
        {"responses": [{"response_range": {"kvs": [{"value": "YQ=="}]}}]},
        {"responses": [{"response_range": {"kvs": [{"key": "a"}]}}]},
    ],
)
def test_an_answer_that_makes_no_sense_is_the_store_s_trouble_alone(gateway: Gateway, said: object) -> None:
    gateway.says = lambda _: (200, said)
    with pytest.raises(StoreError, match="does not answer as etcd"):
        gateway.publisher().read(["a"])


@pytest.mark.parametrize("said", [{}, {"result": []}, {"ID": "7", "result": {"TTL": "long"}}])
def test_a_lease_that_makes_no_sense_is_the_store_s_trouble_alone(
    gateway: Gateway, said: dict[str, object]
) -> None:
    gateway.says = lambda asked: (200, said) if asked[0].startswith("lease/") else EMPTY
    publisher = gateway.publisher()
    change = Change({"a": Entry("1", 60)}, {})
    if "ID" in said:
        publisher.write(change)  # from now on, the lease is kept alive
    with pytest.raises(StoreError, match="does not answer as etcd"):
        publisher.write(change)


@pytest.mark.parametrize("token", [{}, {"token": None}, {"token": ""}, {"token": "a\nb"}, {"token": "é"}])
def test_a_token_that_makes_no_sense_is_the_store_s_trouble_alone(gateway: Gateway, token: object) -> None:
    gateway.says = lambda _: (200, token)
    with pytest.raises(StoreError, match="does not answer as etcd"):
        gateway.publisher("anna").read(["a"])


@pytest.mark.parametrize("code", ["bad_gateway", None, [], 1.5])
def test_a_refusal_without_a_code_is_told(gateway: Gateway, code: object) -> None:
    gateway.says = lambda _: (502, {"code": code, "message": "no upstream"})
    with pytest.raises(StoreError, match="refuses: no upstream"):
        gateway.publisher().read(["a"])


class Users:
    """A gateway's answers where each change of users makes tokens invalid, which it says in its *words*."""

    def __init__(self, code: int, words: str) -> None:
        self.revision = 1
        self._refusal: Answer = (400, {"code": code, "message": f"etcdserver: {words}"})

    def __call__(self, asked: Asked) -> Answer:
        method, token = asked
        valid = f"token-{self.revision}"
        if method == "auth/authenticate":
            return (200, {"token": valid})
        return EMPTY if token == valid else self._refusal


@pytest.mark.parametrize(
    ("code", "words"),
    [(16, "invalid auth token"), (3, "revision of auth store is old"), (3, "user name is empty")],
)
def test_a_token_from_before_a_change_of_users_is_replaced(gateway: Gateway, code: int, words: str) -> None:
    gateway.says = users = Users(code, words)
    publisher = gateway.publisher("anna")
    publisher.read(["a"])
    users.revision = 2
    assert publisher.read(["a"]) == {}
    again = [("kv/txn", "token-1"), ("auth/authenticate", None), ("kv/txn", "token-2")]
    assert gateway.asked == [("auth/authenticate", None), ("kv/txn", "token-1"), *again]


def test_a_login_that_is_refused_is_tried_once(gateway: Gateway) -> None:
    gateway.says = lambda _: (400, {"code": 3, "message": "etcdserver: authentication failed"})
    with pytest.raises(ConfigError, match="refuses the user or the password: authentication failed"):
        gateway.publisher("anna").read(["a"])
    assert gateway.asked == [("auth/authenticate", None)]


def test_after_any_refusal_the_next_question_has_a_new_token(gateway: Gateway) -> None:
    gateway.says = users = Users(7, "permission denied")
    publisher = gateway.publisher("anna")
    publisher.read(["a"])
    users.revision = 2
    with pytest.raises(ConfigError, match="does not let the user in"):
        publisher.read(["a"])
    assert publisher.read(["a"]) == {}
