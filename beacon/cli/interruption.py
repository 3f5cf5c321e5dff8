"""Ctrl-C at the terminal: the first one has what is begun be put back, a second one ends the process."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
from collections.abc import Callable

from beacon.cli.ending import INTERRUPTED
from beacon.engine.processes import tree

_PUT_BACK = "interrupted; what is begun is being put back"
_AGAIN = "\nCtrl-C again ends at once, and leaves that to the next run"
_SHOW_CURSOR = "\x1b[?25h"
_AT_ONCE = "ended at once; the next run of the timer, or of beacon update, goes on from here\n"


class Interruption:
    """What SIGINT comes to. While nothing is begun, it is KeyboardInterrupt, as in every program."""

    def __init__(self) -> None:
        self._say: Callable[[str], None] = lambda text: None  # noqa: ARG005
        self._doing: dict[str, str] = {}
        self._has_begun = False
        self._is_canceled = False

    def catch(self, say: Callable[[str], None]) -> None:
        """Take SIGINT, unless whoever started this has it ignored; *say* what becomes of what is begun."""
        self._say = say
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, lambda *_: self._interrupt())

    def begin(self, service: str, doing: str) -> None:
        """Note what is being done with a service."""
        self._doing[service] = doing
        self._has_begun = True

    def end(self, service: str) -> None:
        """Note that this is done."""
        self._doing.pop(service, None)

    def is_canceled(self) -> bool:
        """Say whether what is begun is not wanted any more."""
        return self._is_canceled

    def _interrupt(self) -> None:
        if self._is_canceled:
            _end_at_once()
        self._is_canceled = True
        if not self._has_begun:
            raise KeyboardInterrupt
        doing = ", ".join(f"{service} ({what})" for service, what in sorted(self._doing.items()))
        text = f"{_PUT_BACK}: {doing}{_AGAIN}" if doing else f"{_PUT_BACK}{_AGAIN}"
        # In a thread: the signal may have come in the middle of a write to the same stream.
        _thread.start_new_thread(self._say, (text,))


def _end_at_once() -> None:
    """End this process, whatever it waits for, and what it has started."""
    text = _SHOW_CURSOR * os.isatty(2) + _AT_ONCE
    with contextlib.suppress(OSError):
        os.write(2, text.encode())
    for pid in tree(os.getpid()) - {os.getpid()}:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)
    os._exit(INTERRUPTED)
