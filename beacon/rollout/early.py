"""Calls that begin before their results are needed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Early(Generic[T]):
    """One call, made once: when its result is asked for, or beside other work from when it is begun."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._future: Future[T] | None = None

    def begin(self) -> Future[T]:
        """Begin now, in a thread, unless that has been done."""
        if self._future is None:
            hand = ThreadPoolExecutor(1)
            self._future = hand.submit(self._call)
            hand.shutdown(wait=False)
        return self._future

    def result(self) -> T:
        """Return what the call returned, or raise what it raised."""
        return self.begin().result()
