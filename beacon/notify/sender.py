"""How a message reaches a target: by Debian's apprise, or by a command of the owner."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from beacon.errors import DeliveryError
from beacon.model.notifying.target import Target
from beacon.notify.message import Message

_LONGEST = 60.0
"""Seconds that one message may take."""


class Sender:
    """Sends messages; commands have *environment*."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def send(self, target: Target, message: Message) -> None:
        """Send *target* a message. Raises DeliveryError, in which there is no secret.

        What apprise prints is not repeated, for it may name the URL.
        """
        if target.command:
            text = msgspec.json.encode(message).decode()
            self._run(target.command[0], target.command, text, {**self._environment, **variables(message)})
            return
        program = shutil.which("apprise", path=self._environment.get("PATH", os.defpath))
        if program is None:
            raise DeliveryError("apprise is not installed", hint="apt install apprise")
        with _in_memory(f"{_url(target)}\n") as (path, handle):
            words = [program, f"--config={path}", f"--title={message.title}"]
            words += [f"--notification-type={message.severity}", "--input-format=text"]
            self._run("apprise", words, message.text, self._environment, handle)

    def _run(
        self, name: str, words: Sequence[str], text: str, environment: Mapping[str, str], *handles: int
    ) -> None:
        try:
            done = subprocess.run(
                words,
                input=text,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                env=dict(environment),
                timeout=_LONGEST,
                pass_fds=handles,
                process_group=0,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DeliveryError(f"{name} did not end within {_LONGEST:.0f} s") from None
        except OSError as error:
            raise DeliveryError(f"{name} cannot run: {error.strerror}") from error
        if done.returncode:
            raise DeliveryError(f"{name} exited with status {done.returncode}")


def variables(message: Message) -> dict[str, str]:
    """Return what a command of the owner finds in its environment."""
    return {
        "BEACON_EVENT": message.event,
        "BEACON_EVENT_ID": message.id,
        "BEACON_HOST": message.machine,
        "BEACON_SERVICE": message.service,
        "BEACON_TITLE": message.title,
        "BEACON_TEXT": message.text,
        "BEACON_SEVERITY": message.severity,
        "BEACON_DIGEST": message.digest or "",
        "BEACON_PREVIOUS_DIGEST": message.previous_digest or "",
        "BEACON_LINK": message.link,
    }


def _url(target: Target) -> str:
    """Return the URL; its file is read each time."""
    if target.url is not None:
        return target.url.reveal()
    path = str(target.url_file)
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DeliveryError(f"cannot read url_file {path}: {reason}") from None
    found = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if len(found) != 1:
        raise DeliveryError(f"url_file {path} must hold one URL in one line")
    return found[0]


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[tuple[str, int]]:
    """Yield the path of a file that is in memory alone, and its descriptor: no kill leaves it behind.

    A command line could be read by everybody on the machine.
    """
    handle = os.memfd_create("beacon-notify")
    try:
        os.write(handle, text.encode())
        yield f"/proc/self/fd/{handle}", handle
    finally:
        os.close(handle)
