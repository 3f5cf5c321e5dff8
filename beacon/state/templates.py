"""Templates on disk: those of units, packaged or the owner's own, and those of what is published."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from beacon.errors import ConfigError, MachineError
from beacon.state.files import read_text

_FOLDERS = (
    Path("/usr/share/beacon/unit-templates"),
    Path(__file__).parent.parent / "unit-templates",  # in a wheel
    Path(__file__).parent.parent.parent / "unit-templates",  # in a checkout
)


def read_templates(own: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the text of each unit template: the one in the owner's *own* folder, else the packaged one."""
    return {name: _template(own, name) for name in names}


def _template(own: Path, name: str) -> str:
    for folder in (own, *_FOLDERS):
        text = read_text(folder / name)
        if text is not None:
            return text
    raise MachineError(f"cannot find the unit template {name}", hint="install the package again")


def read_template(path: str) -> str:
    """Return the text of a template of what is published. Raises ConfigError if there is none."""
    text = read_text(Path(path))
    if text is None:
        raise ConfigError(
            f"there is no template {path}", hint="publish.file.template in beacon.toml names it"
        )
    return text
