"""A look from outside, at sockets of this process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread, Timer

import pytest

from beacon.engine.probe import NetworkProbe


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Hand one connection to *serve*; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                serve(connection)

        thread = Thread(target=accept)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


def wait_for_the_end(connection: socket.socket) -> None:
    connection.recv(1)


def greet_and_end(connection: socket.socket) -> None:
    connection.sendall(b"220 ready\r\n")


def end(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize("serve", [wait_for_the_end, greet_and_end])
def test_a_port_that_answers_or_waits_is_well(serve: Callable[[socket.socket], None]) -> None:
    with listening(serve) as port:
        assert NetworkProbe().tcp("127.0.0.1", port, 5) is None


@pytest.mark.parametrize(("serve", "why"), [(end, "closed at once"), (reset, "connection reset by peer")])
def test_a_forwarder_with_nobody_behind_it_is_not(serve: Callable[[socket.socket], None], why: str) -> None:
    """What forwards published ports accepts before it knows that nobody listens in the container."""
    with listening(serve) as port:
        fault = NetworkProbe().tcp("127.0.0.1", port, 5)
    assert fault == f"does not accept connections ({why})"


def test_who_only_keeps_a_port_taken_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        fault = NetworkProbe().tcp("127.0.0.1", server.getsockname()[1], 0.7)
    assert fault == "does not accept connections (nobody answers at the port)"


def test_a_server_that_is_busy_for_a_moment_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            connection.close()

        timer = Timer(0.8, serve)
        timer.start()
        assert NetworkProbe().tcp("127.0.0.1", server.getsockname()[1], 5) is None
        timer.join()


def test_a_port_at_which_nobody_listens_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    fault = NetworkProbe().tcp("127.0.0.1", port, 5)
    assert fault == "does not accept connections (connection refused)"


def test_a_path_is_asked_for_as_a_url_has_it() -> None:
    asked: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        asked.append(connection.recv(4096).split(b"\r\n")[0])
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with listening(answer) as port:
        assert NetworkProbe().http("127.0.0.1", port, "/prüfen?a=b%20c", 5) is None
    assert asked == [b"GET /pr%C3%BCfen?a=b%20c HTTP/1.1"]


def test_a_request_names_the_host_that_it_is_for() -> None:
    asked: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        asked.extend(connection.recv(4096).split(b"\r\n"))
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    with listening(answer) as port:
        assert NetworkProbe().http("127.0.0.1", port, "/", 5, "example.org") == "answers 403"
    assert [one for one in asked if one.lower().startswith(b"host:")] == [b"Host: example.org"]
