"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def complete_service(incomplete: str) -> list[str]:
    """Complete names of services: from the names of files alone, so that TAB is quick."""
    folders = (Path("/etc/beacon/services"), Path.home() / ".config/beacon/services")
    names = {path.stem for folder in folders for path in folder.glob("*.toml")}
    return sorted(name for name in names if name.startswith(incomplete))


def services(metavar: str, text: str = "The services; all of them by default.") -> Any:  # noqa: ANN401  # typer's
    """Return what describes an argument that names services."""
    return typer.Argument(metavar=metavar, help=text, autocompletion=complete_service)


Name = Annotated[str, services("NAME", "The service.")]
Names = Annotated[list[str] | None, services("[NAME]...")]
NamesOrAll = Annotated[list[str] | None, services("[NAME]...", "The services, or --all.")]
SomeNames = Annotated[list[str], services("NAME...", "The services.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show it anew every two seconds, until Ctrl-C.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over files that were edited by hand.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try again what is quarantined.")]
