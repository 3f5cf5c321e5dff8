"""A registry that is further away than it is: a small proxy that answers every HTTP request later.

Small so that what it costs itself does not count: it takes requests and answers apart only as far as it must
to tell where they end, and remembers the first line of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from types import TracebackType
from typing import Self

_TLS_HELLO = 0x16
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNK = 1 << 16


class FarRegistry:
    """The proxy; *requests* are the first lines of what it was asked, such as ``HEAD /v2/… HTTP/1.1``."""

    def __init__(self, upstream: tuple[str, int], listen: tuple[str, int], delay: float) -> None:
        self.requests: list[str] = []
        self._upstream = upstream
        self._listen = listen
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise OSError(f"the proxy cannot listen on {self._listen}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def count(self, method: str = "", part: str = "") -> int:
        """Return how many requests there were with that method and that part of a path."""
        return sum(line.startswith(method) and part in line for line in self.requests)

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, *self._listen, backlog=128))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        registry, forth = await asyncio.open_connection(*self._upstream)
        with contextlib.closing(back), contextlib.closing(forth), contextlib.suppress(OSError, EOFError):
            first = await client.readexactly(1)
            while first[0] != _TLS_HELLO:  # which a server without TLS ends at once
                head = first + await client.readuntil(b"\r\n\r\n")
                line = head.split(b"\r\n", 1)[0].decode()
                self.requests.append(line)
                await asyncio.sleep(self._delay)
                forth.write(head)
                await _pass_on(client, forth, _length(head))
                answer = await registry.readuntil(b"\r\n\r\n")
                back.write(answer)
                await _pass_on(registry, back, 0 if line.startswith("HEAD ") else _length(answer))
                first = await client.readexactly(1)


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, length: int) -> None:
    while length:
        chunk = await source.read(min(length, _CHUNK))
        if not chunk:
            raise EOFError
        length -= len(chunk)
        target.write(chunk)
        await target.drain()


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0
