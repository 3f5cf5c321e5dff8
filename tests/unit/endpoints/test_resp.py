"""The conversation with Redis, where it goes otherwise than it should."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from beacon.endpoints.routing.publisher import Change, Entry
from beacon.endpoints.stores.redis import RedisPublisher
from beacon.endpoints.stores.resp import RefusalError, connected, plain
from beacon.errors import ConfigError, StoreError
from beacon.model.endpoints.publication import RedisAccess
from beacon.model.sensitive import Sensitive


class Server:
    """Says what it is told to, whatever it is asked."""

    def __init__(self) -> None:
        self.says = b""
        self.heard = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                stream, _ = self._socket.accept()
            except OSError:
                return
            with stream:
                self.heard += stream.recv(65536)
                stream.sendall(self.says)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def test_commands_are_written_by_length(server: Server) -> None:
    server.says = b"$-1\r\n"
    with connected(RedisAccess(host="127.0.0.1", port=server.port), None, plain) as connection:
        assert connection.ask("SETEX", "ä", 60, "a\r\nb") is None
    assert server.heard == b"*4\r\n$5\r\nSETEX\r\n$2\r\n\xc3\xa4\r\n$2\r\n60\r\n$4\r\na\r\nb\r\n"


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (b"", "cannot reach .*: it closed the connection"),
        (b"*1\r\n$5\r\nab", "cannot reach .*: it closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n", "cannot reach .*: it does not speak as Redis does"),
        (b"*x\r\n", "cannot reach .*: it does not speak as Redis does"),
        (b"-LOADING Redis is loading the dataset\r\n", "refuses: LOADING"),
        (b"-OOM command not allowed\r\n", "is full"),
    ],
)
def test_what_it_says_is_told(server: Server, says: bytes, message: str) -> None:
    server.says = says
    publisher = RedisPublisher(RedisAccess(host="127.0.0.1", port=server.port))
    with pytest.raises(StoreError, match=message):
        publisher.read(["a"])


@pytest.mark.parametrize("host", ["redis..lan", f"{'a' * 64}.lan"])
def test_a_name_that_no_host_has_is_the_store_s_trouble_alone(host: str) -> None:
    with pytest.raises(StoreError, match=r"cannot reach .*: no host has such a name"):
        RedisPublisher(RedisAccess(host=host)).read(["a"])


@pytest.mark.parametrize(
    "says",
    [
        b"-NOAUTH Authentication required.\r\n",
        b"-WRONGPASS invalid username-password pair\r\n",
        b"-NOPERM no\r\n",
    ],
)
def test_a_login_that_is_wrong_is_the_configuration_s(server: Server, says: bytes) -> None:
    server.says = says
    with pytest.raises(ConfigError):
        RedisPublisher(RedisAccess(host="127.0.0.1", port=server.port)).read(["a"])


def test_a_transaction_says_what_was_refused_in_it(server: Server) -> None:
    server.says = b"+OK\r\n-READONLY it is a replica\r\n-EXECABORT discarded\r\n"
    publisher = RedisPublisher(RedisAccess(host="127.0.0.1", port=server.port))
    with pytest.raises(StoreError, match="READONLY"):
        publisher.write(Change({"a": Entry("1", 60)}, {}))
    assert RefusalError("OOM and so on").code == "OOM"


def test_what_redis_repeats_of_a_login_is_not_told(server: Server) -> None:
    server.says = b"-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n"
    publisher = RedisPublisher(RedisAccess(host="127.0.0.1", port=server.port, password=Sensitive("hunter2")))
    with pytest.raises(StoreError, match="unknown command 'AUTH'") as refused:
        publisher.read(["a"])
    assert "hunter2" not in str(refused.value)
