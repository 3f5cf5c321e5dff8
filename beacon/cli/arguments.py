"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def complete_service(incomplete: str) -> list[str]:
    """Complete names of services: from the names of files alone, so that TAB is quick."""
    return _files("services", incomplete)


def complete_app(incomplete: str) -> list[str]:
    """Complete names of installed apps."""
    return _files("apps", incomplete)


def _files(kind: str, incomplete: str) -> list[str]:
    folders = (Path("/etc/beacon", kind), Path.home() / ".config/beacon" / kind)
    names = {path.stem for folder in folders for path in folder.glob("*.toml")}
    return sorted(name for name in names if name.startswith(incomplete))


def services(metavar: str, text: str = "The services; all of them by default.") -> Any:  # noqa: ANN401  # typer's
    """Return what describes an argument that names services."""
    return typer.Argument(metavar=metavar, help=text, autocompletion=complete_service)


def option(text: str, *names: str, metavar: str | None = None) -> object:
    """Return what describes an option."""
    return typer.Option(*names, metavar=metavar, help=text)


Name = Annotated[str, services("NAME", "The service.")]
Names = Annotated[list[str] | None, services("[NAME]...")]
NamesOrAll = Annotated[list[str] | None, services("[NAME]...", "The services, or --all.")]
SomeNames = Annotated[list[str], services("NAME...", "The services.")]
Watch = Annotated[bool, option("Show it anew every two seconds, until Ctrl-C.", "--watch", "-w")]
Json = Annotated[bool, option("Answer in JSON.", "--json")]
Overwrite = Annotated[bool, option("Write over files that were edited by hand.", "--overwrite")]
Retry = Annotated[bool, option("Try again what is quarantined.", "--retry")]
