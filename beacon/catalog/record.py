"""What owners say of installed apps, in a file of theirs for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from beacon.catalog.sources import BUILT_IN, OWN
from beacon.definition.encode import as_toml
from beacon.errors import ConfigError
from beacon.formats.tomltext import read_toml


class Record(Struct, frozen=True):
    """What the owner says of an installed app: a file of theirs."""

    app: str
    revision: int
    answers: Mapping[str, Any]
    services: Mapping[str, dict[str, Any]]
    """What is added to each service."""
    source: str = ""
    """The source that it came from, which it follows; empty if its manifest was Beacon's or the owner's."""

    @property
    def text(self) -> str:
        """The file."""
        head = (
            "# An app of Beacon's catalog. [set] holds answers to its options; [service.main] and the\n"
            "# like add what beacon.toml(5) has for definitions. beacon app set makes that count.\n\n"
        )
        answers = {name: list(one) if isinstance(one, tuple) else one for name, one in self.answers.items()}
        tables = {"set": answers, **({"service": dict(self.services)} if self.services else {})}
        source = {"source": self.source} if self.source else {}
        return head + as_toml({"app": self.app, **source, "revision": self.revision, **tables})


def origins_of(source: str) -> tuple[str, ...]:
    """Return where newer manifests may come from of an app from *source*, or of one that is Beacon's.

    Another source is none of these: what it calls by the name of an installed app is another app.
    """
    return OWN, source or BUILT_IN


def record_of(text: str, path: str) -> Record:
    """Return what the owner's file at *path* says. Raises ConfigError if it cannot be understood."""
    try:
        return _read(read_toml(text))
    except (ValueError, TypeError, LookupError) as error:
        hint = "it has app, source, revision, [set] and [service.NAME]"
        raise ConfigError(f"{path}: {error}", hint=hint) from error


def _read(document: dict[str, Any]) -> Record:
    app, revision = str(document.pop("app")), int(document.pop("revision"))
    said = (document.pop("set", {}), document.pop("service", {}))
    record = Record(app, revision, *said, str(document.pop("source", "")))
    if document:
        raise ValueError(f"{min(document)}: unknown key")
    return record
