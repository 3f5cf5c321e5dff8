# ruff: noqa: INP001 (a script of install.sh, not a module)
"""Print which of Beacon's Python packages the Python that runs this does not have, or has too old.

`missing.py` looks at all that pyproject.toml says Beacon depends on, `missing.py --build` also at what
building it takes; with names it looks at these alone. A need is NAME or NAME>=VERSION.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with."""
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def is_there(need: str) -> bool:
    """Tell whether a need (``NAME`` or ``NAME>=VERSION``) is met."""
    name, _, least = need.partition(">=")
    try:
        installed: str | None = version(name)  # None where a package was not wholly removed
    except PackageNotFoundError:
        return False
    return installed is not None and numbers(installed) >= numbers(least)


def main(words: list[str]) -> None:
    """Print the needs that are not met, one a line."""
    project = tomllib.loads(PYPROJECT.read_text())
    needs: list[str] = project["project"]["dependencies"]
    if "--build" in words:
        # installer puts the wheel in place.
        needs = [*project["build-system"]["requires"], "installer", *needs]
    elif words:
        needs = [need for need in needs if need.partition(">=")[0] in words]
    sys.stdout.writelines(f"{need}\n" for need in needs if not is_there(need))


if __name__ == "__main__":
    main(sys.argv[1:])
