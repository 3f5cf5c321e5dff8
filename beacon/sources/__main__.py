"""The process that fetches: a source by standard input, what it holds by standard output."""

from __future__ import annotations

import os
import sys

import msgspec

from beacon.catalog.sources import Source
from beacon.errors import BeaconError
from beacon.sources.confined import FetchReply
from beacon.sources.fetching import fetch


def main() -> None:
    """Fetch the source that is asked for, and answer."""
    source = msgspec.json.decode(sys.stdin.buffer.read(), type=Source)
    try:
        found = fetch(source, os.environ)
        reply = FetchReply(revision=found.revision, files=found.files)
    except BeaconError as error:
        reply = FetchReply(error=error.message, hint=error.hint or "")
    sys.stdout.buffer.write(msgspec.json.encode(reply))


if __name__ == "__main__":
    main()
