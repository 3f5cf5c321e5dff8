"""The folder of definitions: one TOML file for each service, as its owner wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from beacon.errors import AccessError, DefinitionError, Fault, MachineError, UsageError
from beacon.model.notice import Notice
from beacon.state.files import read_text, rewrite, why_unreadable


class Definitions(Struct, frozen=True):
    """What the folder says: name → text, and path → why it cannot be read."""

    texts: Mapping[str, str]
    unreadable: Mapping[Path, str]

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the owner should know of those that cannot be read."""
        return tuple(Notice(why) for why in self.unreadable.values())


class DefinitionFolder:
    """The definitions below *folder*; a name that begins with a dot is an editor's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Return where the definition of a service is."""
        return self._folder / f"{name}.toml"

    def names(self) -> set[str]:
        """Return the services that are defined; none for somebody who may not look."""
        try:
            return {path.stem for path in self._files()}
        except PermissionError:
            return set()

    def read(self) -> Definitions:
        """Return all definitions, and what cannot be read of them; AccessError if that is all."""
        try:
            found = self._files()
        except PermissionError as error:
            raise AccessError(f"cannot read {self._folder}", hint="run this with sudo") from error
        texts: dict[str, str] = {}
        unreadable: dict[Path, str] = {}
        for path in found:
            try:
                text = read_text(path)
            except MachineError:
                text = None
            if text is not None:
                texts[path.stem] = text
            elif (reason := why_unreadable(path)) is not None:
                unreadable[path] = f"{path} {reason}"
        return Definitions(texts, unreadable)

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.toml") if not path.name.startswith("."))

    def require_readable(self, names: Iterable[str]) -> None:
        """Raise DefinitionError where definitions of *names* are there and cannot be read."""
        paths = map(self.path, names)
        faults = [Fault(str(path), "", why) for path in paths if (why := why_unreadable(path)) is not None]
        if faults:
            raise DefinitionError(faults)


def require_free(texts: Mapping[Path, str]) -> None:
    """Raise UsageError where definitions are there already that say something else than *texts*."""
    held = [path for path, text in texts.items() if read_text(path) not in (None, text)]
    if held:
        there = ", ".join(str(path) for path in held)
        raise UsageError(f"nothing is written: there is {there} already", hint="--overwrite writes over it")


def write_all(texts: Mapping[Path, str]) -> tuple[str, ...]:
    """Write definitions, each whole or not at all; return their paths. Raises MachineError, AccessError."""
    for path, text in texts.items():
        rewrite(path, text.encode())
    return tuple(map(str, texts))
