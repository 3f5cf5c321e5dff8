"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def complete_service(incomplete: str) -> list[str]:
    """Complete names of services: from the names of files alone, so that TAB is quick."""
    folders = (Path("/etc/beacon/services"), Path.home() / ".config/beacon/services")
    names = {path.stem for folder in folders for path in folder.glob("*.toml")}
    return sorted(name for name in names if name.startswith(incomplete))


Name = Annotated[str, typer.Argument(metavar="NAME", help="The service.", autocompletion=complete_service)]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", help="The services; all of them by default.", autocompletion=complete_service
    ),
]
NamesOrAll = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="The services, or --all.", autocompletion=complete_service),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over files that were edited by hand.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try again what is quarantined.")]
