"""The beacon command."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from beacon import __version__


def main() -> None:
    """Run the command line; the version is answered before anything costly is imported."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"beacon {__version__}\n")
        return
    with _missing("rich"):
        from beacon.cli.app import run  # noqa: PLC0415  # see above

    run()


@contextlib.contextmanager
def _missing(module: str) -> Iterator[None]:
    """Have imports within the block behave as if *module* were not installed.

    typer imports rich where it finds it, which costs 120 ms of every call, for a help that is not wanted.
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # importlib's own sign for it
    try:
        yield
    finally:
        del sys.modules[module]


if __name__ == "__main__":
    main()
