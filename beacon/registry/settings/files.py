"""Reads configuration files that others own, and names file and key when one makes no sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from beacon.errors import ConfigError

Table = Mapping[str, object]


def read_document(path: Path, parse: Callable[[str], object]) -> Table | None:
    """Return the table in the file at *path*, or None where there is no file; raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: must be text in UTF-8") from error
    try:
        document = parse(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: must hold a table of settings")
    return document


class SettingsTable:
    """One table of a file; what is read from it has the type that is asked for, or raises ConfigError."""

    def __init__(self, path: Path, table: Table, key: str = "") -> None:
        self.path = path
        self._table = table
        self._key = key

    def __contains__(self, name: str) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def text(self, name: str) -> str:
        """Return a string; empty where it is absent or null."""
        value = self._table.get(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else self.refuse(name, "must be a string")

    def flag(self, name: str) -> bool:
        """Return a boolean; False where it is absent."""
        value = self._table.get(name, False)
        return value if isinstance(value, bool) else self.refuse(name, "must be true or false")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings; empty where it is absent."""
        value = self._table.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.refuse(name, "must be a list of strings")
        return tuple(value)

    def table(self, name: str) -> SettingsTable:
        """Return a table within; empty where it is absent or null."""
        value = self._table.get(name)
        if value is not None and not isinstance(value, dict):
            self.refuse(name, "must be a table")
        return SettingsTable(self.path, value or {}, self._path_of(name))

    def tables(self, name: str) -> tuple[SettingsTable, ...]:
        """Return a list of tables; empty where it is absent."""
        value = self._table.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.refuse(name, "must be a list of tables")
        path = self._path_of(name)
        return tuple(SettingsTable(self.path, item, f"{path}[{index}]") for index, item in enumerate(value))

    def refuse(self, name: str, problem: str) -> NoReturn:
        """Raise the ConfigError that says what is wrong with the key *name*."""
        raise ConfigError(f"{self.path}: {self._path_of(name)}: {problem}")

    def _path_of(self, name: str) -> str:
        simple = name.replace("-", "").replace("_", "").isalnum()
        if not simple:
            return f'{self._key}["{name}"]'
        return f"{self._key}.{name}" if self._key else name
