"""Which files are a project's where one of them, or its folder, is named: those that docker compose reads."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from beacon.importing.compose.reading.files import Source
from beacon.importing.node import ImportNote, Log
from beacon.model.notice import NoteKind

_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


def found_file(path: str, source: Source) -> str:
    """Return the compose file of a folder, or *path* itself where that is none with a file in it."""
    inside = [posixpath.join(path, name) for name in _NAMES]
    return next((file for file in inside if source.exists(file)), path)


def files_beside(file: str, variables: Mapping[str, str], source: Source, log: Log) -> list[str]:
    """Return *file* and what docker compose reads with it: COMPOSE_FILE, else the override beside it."""
    folder, name = posixpath.split(file)
    if name not in _NAMES:
        return [file]
    separator = variables.get("COMPOSE_PATH_SEPARATOR") or ":"
    said = [one for one in variables.get("COMPOSE_FILE", "").split(separator) if one]
    named = [source.absolute(one, folder) for one in said]
    if file in named:
        _note([one for one in named if one != file], file, "COMPOSE_FILE names it", log)
        return named
    if named:
        text = f"names {', '.join(said)}, and {name} is not among them: -f for each that is meant"
        log.note(ImportNote("", "COMPOSE_FILE", NoteKind.CHANGED, text))
        return [file]
    override = next((one for one in _OVERRIDES if source.exists(posixpath.join(folder, one))), None)
    if override is None:
        return [file]
    _note([posixpath.join(folder, override)], file, "as docker compose does", log)
    return [file, posixpath.join(folder, override)]


def _note(others: list[str], file: str, why: str, log: Log) -> None:
    for other in others:
        text = f"read too, {why}; -f {posixpath.basename(file)} for that file alone"
        log.note(ImportNote("", posixpath.basename(other), NoteKind.CHANGED, text))
