"""The beacon command."""

from __future__ import annotations

import gc
import sys

from beacon import __version__, streams

_EX_OSERR = 71


def main() -> None:
    """Run the command line, and exit with its status."""
    streams.prepare()
    try:
        try:
            _run()
        finally:
            streams.flush()
            # The process ends, and with it all there is: looking through that for cycles takes 30 ms.
            gc.freeze()
    except streams.WriteError as error:
        sys.stderr.write(f"error: cannot write the answer: {error}\n")
        sys.exit(_EX_OSERR)


def _run() -> None:
    """Choose what to import: the version is answered before anything costly is."""
    if sys.argv[1:] == ["--version"]:
        streams.answer(f"beacon {__version__}\n")
        return
    *options, group, verb = ["", "", *sys.argv[1:]]
    if (group, verb) == ("endpoint", "publish") and set(options) <= {"", "--user", "--system"}:
        from beacon.cli.resident import main as keep_publishing  # noqa: PLC0415  # see above

        keep_publishing(options)
        return
    # The collector would look again and again, in vain, through all that imports and definitions make.
    gc.set_threshold(100_000, 20, 20)
    from beacon.imports import missing  # noqa: PLC0415  # see above

    with missing("rich"):  # typer makes coloured help with it, which is not wanted: 120 ms
        from beacon.cli.app import run  # noqa: PLC0415  # see above

    run()


if __name__ == "__main__":
    main()
