"""Run a command that takes its time: what it says is heard at once, and what does nothing is ended."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import queue
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

from msgspec import Struct

from beacon.engine.command import CommandFailedError, failure
from beacon.engine.processes import end, moved
from beacon.errors import MachineError


class Patience(Struct, frozen=True):
    """How long a command may go without progress: a line that it prints, or bytes."""

    silence: float = 600.0
    """Seconds."""
    least: int = 256 << 10
    """Bytes to be read and written in that time. A Podman that hears nothing makes 50 KB: Go wakes itself."""
    beat: float = 0.25
    """Seconds after which it is asked whether the command is still wanted."""
    grace: float = 5.0
    """Seconds that it gets to end."""


class StalledError(MachineError):
    """A command that made no progress for *seconds*, and was ended."""

    def __init__(self, argv: Sequence[str], seconds: float) -> None:
        super().__init__(f"{' '.join(argv[:2])} was ended: it got nowhere for {seconds:.0f} s")
        self.seconds = seconds


def stream(
    argv: Sequence[str],
    environment: Mapping[str, str],
    hear: Callable[[str, int], None],
    *,
    terminal: bool = False,
    patience: Patience | None = None,
) -> str:
    """Run *argv*, have *hear* get each line of its stderr and its number as a process, and return its stdout.

    With *terminal*, standard output is one, and is heard instead of returned: only there docker tells how far
    a pull has come. While nothing is said, *hear* gets an empty line at each beat; what it raises ends the
    command, with all that it has started. Raises CommandFailedError, and StalledError where *patience* is at
    its end.
    """
    patience = patience or Patience()
    said: list[str] = []
    with _memory() as answer:
        process, shown = _start(argv, environment, answer, terminal=terminal)
        watch = _Watch(argv, process.pid, patience)
        try:
            for line, is_said in _lines(process, shown, patience.beat):
                if line:
                    said += [line] if is_said else []
                    watch.restart()
                else:
                    watch.require()
                hear(line.rstrip(), process.pid)
        except BaseException:
            end(process, patience.grace)
            raise
        answer.seek(0)
        answers = answer.read()
    if process.returncode:
        text = "".join(said)
        raise CommandFailedError(failure(argv, text), text)
    return answers


def _memory() -> IO[str]:
    """Return a file of its own: who reads a pipe waits for all that have it open, daemons too."""
    return open(os.memfd_create("answer"), "w+", encoding="utf-8", errors="replace")  # noqa: PTH123  # no path


def _start(
    argv: Sequence[str], environment: Mapping[str, str], answer: IO[str], *, terminal: bool
) -> tuple[subprocess.Popen[str], IO[str] | None]:
    """Start a command whose standard output goes to *answer*, or to a terminal, which is returned too."""
    shown, screen = _terminal() if terminal else (None, None)
    try:
        process = subprocess.Popen(
            argv,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=answer if screen is None else screen,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            process_group=0,  # as in command.py
        )
    except FileNotFoundError as error:
        raise MachineError(f"cannot find {argv[0]}", hint=f"apt install {argv[0]}") from error
    finally:
        if screen is not None:
            os.close(screen)
    return process, shown


def _terminal() -> tuple[IO[str], int]:
    """Return a terminal that is wide enough for what engines show: the end to read, and the other one."""
    ours, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, _WIDTH, 0, 0))
    return io.TextIOWrapper(io.BufferedReader(_Shown(ours)), encoding="utf-8", errors="replace"), screen


class _Shown(io.FileIO):
    """What a terminal shows; it ends when nobody has the other end any more, which is an error otherwise."""

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # 3.11 has no name for it
        try:
            return super().readinto(buffer)
        except OSError:
            return 0


_WIDTH = 200


def _lines(process: subprocess.Popen[str], shown: IO[str] | None, beat: float) -> Iterator[tuple[str, bool]]:
    """Yield the lines of *process* until it has ended, and whether each is of its stderr, not *shown*.

    At each beat without any comes an empty one.
    """
    lines: queue.SimpleQueue[tuple[str, bool] | None] = queue.SimpleQueue()
    pipes = [pipe for pipe in (process.stderr, shown) if pipe is not None]

    def read(pipe: IO[str]) -> None:
        with pipe:  # by nobody else: closing waits for whoever reads
            for line in pipe:
                lines.put((line, pipe is not shown))
        lines.put(None)

    for pipe in pipes:
        threading.Thread(target=read, args=(pipe,), daemon=True).start()
    is_open = len(pipes)
    while is_open or process.poll() is None:
        line: tuple[str, bool] | None
        try:
            line = lines.get(timeout=beat)
        except queue.Empty:
            is_open = is_open if process.poll() is None else 0  # what it left behind may have the pipe still
            line = ("", False)
        if line is None:
            is_open -= 1
            if not is_open:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(beat)
        else:
            yield line


class _Watch:
    """Knows since when a command has made no progress."""

    def __init__(self, argv: Sequence[str], pid: int, patience: Patience) -> None:
        self._argv = argv
        self._pid = pid
        self._patience = patience
        self._pause = patience.silence / 20
        self._moved = 0
        self.restart()

    def restart(self) -> None:
        """Have the time begin anew."""
        self._since = time.monotonic()
        self._check_at = self._since + self._pause

    def require(self) -> None:
        """Raise StalledError if that is too long. If the kernel does not say, that is taken for progress."""
        now = time.monotonic()
        if now < self._check_at:
            return
        self._check_at = now + self._pause
        bytes_ = moved(self._pid)
        if bytes_ is None or bytes_ - self._moved >= self._patience.least:
            self._moved = bytes_ or 0
            self._since = now
        if now - self._since >= self._patience.silence:
            raise StalledError(self._argv, self._patience.silence)
