"""Golden cases of imports: a project's folder on one side, definitions and the report on the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from beacon.cli.reporter import report
from beacon.importing.compose.importer import import_compose
from beacon.importing.compose.project import ComposeRequest
from beacon.importing.compose.reading.files import Source
from beacon.importing.result import Imported
from beacon.wire.importing import note_infos

HERE = Path(__file__).parent
REPORT = "report.txt"
_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml")
_ARGUMENTS = "arguments"
"""A file that names the compose files, where there are several."""


@dataclass(frozen=True)
class ImportCase:
    """A folder with a compose file and what it refers to, which lies in ``/srv``, and expected/."""

    folder: Path

    @property
    def name(self) -> str:
        """The case, as tests call it."""
        return self.folder.name

    @property
    def place(self) -> str:
        """Where the project is taken to be."""
        return f"/srv/{self.name}"

    def source(self) -> Source:
        """Return the files as the import sees them."""
        return Source(self._read, self._exists, {"HOME": "/root"}, self.place)

    def imported(self) -> Imported:
        """Return what the import makes of it."""
        return import_compose(ComposeRequest(tuple(self.files())), self.source(), {})

    def results(self) -> dict[str, str]:
        """Return what it comes to: file → text."""
        imported = self.imported()
        files = {f"{definition.name}.toml": definition.text for definition in imported.definitions}
        return files | {REPORT: "".join(f"{line}\n" for line in report(note_infos(imported.notes)))}

    def expected(self) -> dict[str, str]:
        """Return what is expected: file → text."""
        return {
            file.name: file.read_text(encoding="utf-8")
            for file in sorted((self.folder / "expected").iterdir())
        }

    def update(self) -> None:
        """Make what it comes to what is expected."""
        folder = self.folder / "expected"
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
        for name, text in self.results().items():
            (folder / name).write_text(text, encoding="utf-8")

    def files(self) -> Iterator[str]:
        """Yield the names of the compose files."""
        arguments = self.folder / _ARGUMENTS
        if arguments.exists():
            yield from arguments.read_text(encoding="utf-8").split()
        else:
            yield next(name for name in _NAMES if (self.folder / name).exists())

    def _inside(self, path: str) -> Path | None:
        return (
            self.folder / path.removeprefix(f"{self.place}/") if path.startswith(f"{self.place}/") else None
        )

    def _exists(self, path: str) -> bool:
        inside = self._inside(path)
        return path == "/" or path.startswith(("/etc/", "/dev/")) if inside is None else inside.exists()

    def _read(self, path: str) -> str | None:
        inside = self._inside(path)
        return None if inside is None or not inside.exists() else inside.read_text(encoding="utf-8")


def import_cases() -> list[ImportCase]:
    """Return every case, sorted."""
    return [ImportCase(folder) for folder in sorted(HERE.iterdir()) if (folder / "expected").exists()]
