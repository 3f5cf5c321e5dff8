"""Keeping one store up to date, in a thread of its own: a store that hangs holds up no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from beacon.endpoints.routing.publisher import Change, Entry, Publisher, Record, bring_up_to_date
from beacon.errors import BeaconError

CHECK = 10.0
"""Seconds after which a store is looked at, at the latest: it may have been restarted, and be empty."""
_FIRST_RETRY, _LAST_RETRY = 1.0, 60.0
_DOUBLED = 6
"""How often the time until the next try is doubled."""
_PATIENCE = 10.0
"""Seconds for another run that publishes to the same store to end."""


class LockedRecord(Record, Protocol):
    """A record that one run at a time may write to the store of."""

    def lock(self, *, wait: float = 0.0) -> AbstractContextManager[None]:
        """Return the lock of the store."""


class PublisherThread:
    """Has a store say what it was given last, renews it, and tries again where the store is away."""

    def __init__(
        self, publisher: Publisher, record: LockedRecord, refresh: float, log: Callable[[str], None]
    ) -> None:
        self.where = publisher.where
        self.trouble: BeaconError | None = None
        """Why the store does not say what it should; None where it does, or has not been tried."""
        self.retry_clock = ""
        """When the store is tried again, on the clock."""
        self._retry_at = 0.0
        self.tried = threading.Event()
        """Set when the store has been tried once."""
        self._publisher = publisher
        self._record = record
        self._refresh = refresh
        self._log = log
        self._entries: Mapping[str, Entry] | None = None
        self._news = False
        self._over = False
        self._failures = 0
        self._renew_at = 0.0
        self._tried_at = 0.0
        self._awake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=self.where, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; one that ended by itself met a bug, and has shown where."""
        return self._thread.is_alive()

    def put(self, entries: Mapping[str, Entry]) -> None:
        """Say what the store is to say from now on; what is the same is no news."""
        with self._awake:
            if entries != self._entries:
                self._entries, self._news = entries, True
                self._awake.notify()

    def end(self, limit: float) -> None:
        """End, after what is under way; *limit* seconds are waited for that. What is published stays."""
        with self._awake:
            self._over = True
            self._awake.notify()
        self._thread.join(limit)

    def _run(self) -> None:
        due = 0.0
        while True:
            with self._awake:
                while not self._over and self._until(due) != 0:
                    self._awake.wait(self._until(due))
                if self._over:
                    return
                entries, self._news = self._entries or {}, False
            self._pass(entries)
            self.tried.set()
            due = self._retry_at if self.trouble else min(time.monotonic() + CHECK, self._renew_at)

    def _until(self, due: float) -> float | None:
        """Return the seconds until there is something to do; None where nothing has been said yet.

        News goes out at once, of what has stopped even to a store that is full; to one that is in trouble not
        more than once a second.
        """
        if self._entries is None:
            return None
        if self._news:
            due = min(due, self._tried_at + _FIRST_RETRY if self.trouble else 0.0)
        return max(due - time.monotonic(), 0.0)

    def _pass(self, entries: Mapping[str, Entry]) -> None:
        self._tried_at = now = time.monotonic()
        renew = now >= self._renew_at
        try:
            with self._record.lock(wait=_PATIENCE):
                done = bring_up_to_date(self._publisher, entries, self._record, renew=renew)
        except BeaconError as error:
            self._fail(error)
            return
        if renew:
            self._renew_at = now + (self._refresh or CHECK)
        if self.trouble is not None:
            self._log(f"{self.where} is told again what is answered")
        self.trouble, self._failures = None, 0
        if words := described(done):
            self._log(f"{self.where}: {words}")

    def _fail(self, error: BeaconError) -> None:
        delay = min(_FIRST_RETRY * 2**self._failures, _LAST_RETRY)
        self._failures = min(self._failures + 1, _DOUBLED)
        self._retry_at = time.monotonic() + delay
        self.retry_clock = time.strftime("%H:%M:%S", time.localtime(time.time() + delay))
        self._renew_at = 0.0
        if self.trouble is None or self.trouble.message != error.message:
            hint = f" ({error.hint})" if error.hint else ""
            self._log(f"<3>{error.message}{hint}")
        self.trouble = error


def described(done: Change) -> str:
    """Return what changed in a store, in words; empty where keys were renewed at most."""
    said = [f"{key} is published" for key in done.put] + [f"{key} is deleted" for key in done.delete]
    shown = 3
    if len(said) > shown:
        put, deleted = len(done.put), len(done.delete)
        counts = [f"{put} keys are published"] * bool(put) + [f"{deleted} keys are deleted"] * bool(deleted)
        return ", ".join(counts)
    return ", ".join(said)
