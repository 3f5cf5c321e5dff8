"""Unit files put in place, and one daemon-reload for all who come during the one before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from beacon.model.unit import is_environment

Put = Callable[[str, str | None], None]
"""Writes a file of that name, or removes it."""


class _Batch:
    """Files of one caller, and what became of them."""

    def __init__(self, put: Put, files: Mapping[str, str | None]) -> None:
        self._put = put
        self._files = files
        self.is_done = False
        self.error: Exception | None = None

    def write(self) -> None:
        """Write files before systemd is to read them: first what others need, and removals last."""
        try:
            for name in sorted(self._files, key=self._turn):
                if self._files[name] is not None or not is_environment(name):
                    self._put(name, self._files[name])
        except Exception as error:  # noqa: BLE001  # raised where it was asked for
            self.error = error

    def _turn(self, name: str) -> tuple[bool, bool, bool]:
        is_needed = name.endswith((".network", ".volume", "-network.service", "-volume.service"))
        return (self._files[name] is None, not is_environment(name), not is_needed)

    def clear(self) -> None:
        """Remove environments that systemd has forgotten."""
        try:
            for name in filter(is_environment, self._files):
                if self._files[name] is None:
                    self._put(name, None)
        except Exception as error:  # noqa: BLE001  # the same
            self.error = error


class SharedReload:
    """Reloads of one machine's systemd: one at a time, each for all who wait when it begins."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[_Batch] = []
        self._is_busy = False

    def put(
        self,
        put: Put,
        files: Mapping[str, str | None],
        locked: Callable[[], AbstractContextManager[None]],
        reload: Callable[[], None],
    ) -> None:
        """Write *files* by *put* (None removes one), and return once systemd has read them.

        Raises what hindered these files, or the reload; those of another caller hinder nobody else.
        """
        mine = _Batch(put, files)
        batches = self._take(mine)
        if batches:
            try:
                _put(batches, locked, reload)
            finally:
                self._end(batches)
        if mine.error is not None:
            raise mine.error

    def _take(self, mine: _Batch) -> Sequence[_Batch]:
        """Return all that waits once it is this thread's turn; nothing if another has done *mine* by then."""
        with self._changed:
            self._waiting.append(mine)
            self._changed.wait_for(lambda: mine.is_done or not self._is_busy)
            if mine.is_done:
                return ()
            batches, self._waiting, self._is_busy = self._waiting, [], True
            return batches

    def _end(self, batches: Sequence[_Batch]) -> None:
        with self._changed:
            self._is_busy = False
            for batch in batches:
                batch.is_done = True
            self._changed.notify_all()


def _put(
    batches: Sequence[_Batch], locked: Callable[[], AbstractContextManager[None]], reload: Callable[[], None]
) -> None:
    try:
        with locked():
            for batch in batches:
                batch.write()
            if any(batch.error is None for batch in batches):
                reload()
            for batch in batches:
                if batch.error is None:
                    batch.clear()
    except Exception as error:  # noqa: BLE001  # raised where each was asked for
        for batch in batches:
            batch.error = batch.error or error
