"""A connection to Redis: as much of its protocol (RESP 2) as writing keys takes.

The usual library brings asyncio with it, which doubles the memory of a process that is resident.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from beacon.model.endpoints.publication import RedisAccess

_PATIENCE = 5.0
"""Seconds for a connection, and for each answer."""

_COUNTED = {b":", b"$", b"*"}
"""What begins an answer that is, or has, a number."""

Answer = bytes | int | list["Answer"] | None


class RefusalError(Exception):
    """Redis said no; *code* is the first word of what it said (``OOM``, ``NOAUTH``)."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.code = said.partition(" ")[0]


class Connection:
    """A conversation with one Redis. OSError where it breaks off, RefusalError where Redis says no."""

    def __init__(self, stream: socket.socket, answers: BinaryIO) -> None:
        self._stream = stream
        self._answers = answers

    def ask(self, *words: str | int) -> Answer:
        """Return the answer to one command."""
        self._stream.sendall(_command(words))
        return self._answer()

    def transact(self, commands: Iterable[tuple[str | int, ...]]) -> list[Answer]:
        """Return the answers to *commands*, of which Redis does all or, where it refuses one, none."""
        whole = [("MULTI",), *commands, ("EXEC",)]
        self._stream.sendall(b"".join(map(_command, whole)))
        refused: RefusalError | None = None
        for _ in whole[:-1]:
            try:
                self._answer()
            except RefusalError as refusal:
                refused = refused or refusal
        try:
            answers = self._answer()
        except RefusalError as refusal:
            raise refused or refusal from None
        return answers if isinstance(answers, list) else []

    def _answer(self) -> Answer:
        line = self._answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("it closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind in _COUNTED and not rest.removeprefix(b"-").isdigit():
            kind = b""
        match kind:
            case b"+":
                return rest
            case b"-":
                raise RefusalError(rest.decode(errors="replace"))
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._block(int(rest))
            case b"*":
                return None if rest == b"-1" else [self._answer() for _ in range(int(rest))]
            case _:
                raise ConnectionAbortedError("it does not speak as Redis does")

    def _block(self, length: int) -> bytes:
        block = self._answers.read(length + 2)
        if len(block) < length + 2:
            raise ConnectionResetError("it closed the connection")
        return block[:-2]


Connect = Callable[[RedisAccess], socket.socket]
"""Makes the stream to a Redis."""


@contextlib.contextmanager
def connected(access: RedisAccess, password: str | None, connect: Connect) -> Iterator[Connection]:
    """Connect, log in and choose the database."""
    with connect(access) as stream, stream.makefile("rb") as answers:
        connection = Connection(stream, answers)
        if password is not None:
            connection.ask("AUTH", *([access.user] if access.user else []), password)
        if access.db:
            connection.ask("SELECT", access.db)
        yield connection


def plain(access: RedisAccess) -> socket.socket:
    """Return a stream without TLS, over TCP or a socket of this machine."""
    if access.socket is None:
        return socket.create_connection((access.host, access.port), timeout=_PATIENCE)
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.settimeout(_PATIENCE)
        stream.connect(access.socket)
    except BaseException:
        stream.close()
        raise
    return stream


def _command(words: Iterable[str | int]) -> bytes:
    parts = [str(word).encode() for word in words]
    return b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)])
