"""A steady load on a service behind the host's Caddy, which knows what a wrong answer is."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

WORKERS = 20
TIMEOUT = 40.0


@dataclass(frozen=True)
class Reply:
    """One request: when it was sent, how long it took, and what came back (nothing: no answer)."""

    sent: float
    took: float
    status: int
    body: str


@dataclass
class Load:
    """All requests of a load, in the order of their ends."""

    replies: list[Reply] = field(default_factory=list)

    def failed(self) -> list[Reply]:
        """Return the requests that were not answered as they should."""
        return [one for one in self.replies if one.status != http.client.OK or not one.body]

    def versions(self) -> Counter[str]:
        """Return how often each version answered."""
        return Counter(one.body for one in self.replies)

    def longest(self) -> float:
        """Return the longest time that a request took."""
        return max(one.took for one in self.replies)


@contextmanager
def loaded(
    address: str, domain: str, *, rate: float = 200.0, path: str = "/version", method: str = "GET"
) -> Iterator[Load]:
    """Ask *domain* at *address* *rate* times a second, each worker by a connection that it keeps."""
    load, over = Load(), Event()

    def work(number: int) -> None:
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
        pause = WORKERS / rate
        next_at = time.monotonic() + pause * number / WORKERS
        while not over.wait(max(next_at - time.monotonic(), 0)):
            sent = time.monotonic()
            status, body = _ask(connection, method, domain, path)
            load.replies.append(Reply(sent, time.monotonic() - sent, status, body))
            next_at = max(next_at + pause, time.monotonic() - pause)
        connection.close()

    threads = [Thread(target=work, args=(number,), daemon=True) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _ask(connection: http.client.HTTPConnection, method: str, domain: str, path: str) -> tuple[int, str]:
    try:
        connection.request(method, path, headers={"Host": domain})
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return 0, type(error).__name__
