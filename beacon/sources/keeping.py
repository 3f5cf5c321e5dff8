"""Sources are fetched, judged, and kept if they are in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from beacon.catalog.judging import judge
from beacon.catalog.sources import Fetched, Source
from beacon.errors import BeaconError, DefinitionError, Fault
from beacon.sources.fetching import read_directory
from beacon.state.sources import Sources

Fetch = Callable[[Source], Fetched]


class Fetching:
    """Fetches sources, and keeps what is in order."""

    def __init__(
        self, there: Sources, fetch: Fetch, now: Callable[[], datetime], note: Callable[[str, str], None]
    ) -> None:
        self._there = there
        self._fetch = fetch
        self._now = now
        self._note = note

    def bring_all(self, names: Iterable[str], *, in_place: bool = True) -> dict[str, BeaconError]:
        """Fetch sources, and judge folders too if *in_place*; return those that failed."""
        failed: dict[str, BeaconError] = {}
        for name in names:
            try:
                source = self._there.read(name)
                if source is not None and source.directory and not in_place:
                    self._there.note_try(name, self._now())
                elif source is not None:
                    self.bring(name, source)
            except BeaconError as error:
                self._there.note_try(name, self._now())
                failed[name] = error
        return failed

    def bring(self, name: str, source: Source) -> None:
        """Have what a source holds now, if it is in order."""
        self._note(name, f"fetching {source.location}")
        fetched = read_directory(Path(source.directory)) if source.directory else self._fetch(source)
        try:
            judge(fetched)
        except DefinitionError as error:
            raise DefinitionError([_placed(one, name) for one in error.faults]) from None
        if source.directory:
            return
        there, now = self._there, self._now()
        if fetched.revision == there.state(name).revision and there.folder(name, source) is not None:
            there.note_same(name, now)
        else:
            there.keep(name, fetched, now)


def _placed(fault: Fault, name: str) -> Fault:
    return replace(fault, file=f"{name}/{fault.file}" if fault.file else f"source {name}")
