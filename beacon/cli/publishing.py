"""The entry of beacon-endpoints.service."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection

from beacon import streams
from beacon.cli.ending import exiting_on_error
from beacon.cli.output import Output
from beacon.cli.session import Session, chosen_scope
from beacon.endpoints.stores.service import Outside, PublishingService
from beacon.operations.machine import Machine
from beacon.systemd.notify import Notifier
from beacon.systemd.watch import UnitWatch


def main(options: Collection[str]) -> None:
    """Run `beacon OPTIONS endpoint publish` without the rest of the command line: it would stay."""
    output = Output()
    scope = chosen_scope("--user" in options, "--system" in options)
    with exiting_on_error(output):
        keep_publishing(Session(scope, output).machine)


def keep_publishing(make_machine: Callable[[], Machine]) -> None:
    """Publish until SIGTERM or SIGINT. Raises ConfigError if beacon.toml names no store at the start."""
    service = PublishingService(make_machine, Outside(UnitWatch, Notifier(os.environ), _log))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.end())
    service.run()


def _log(text: str) -> None:
    """Write a line for the journal, or without its priority for a person."""
    if "JOURNAL_STREAM" not in os.environ and text.startswith("<"):
        text = text[3:]
    streams.say(f"{text}\n")
