"""The beacon command."""

from __future__ import annotations

import gc
import sys

from beacon import __version__, streams

_EX_OSERR = 71
_SCOPES = {"--user", "--system"}


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
    """Choose what to import: the version is answered before anything costly is.

    What systemd's units run needs no parser of its few words: typer takes 35 ms, a fifth of a check, at every
    run of the timer, and would stay in the memory of what publishes.
    """
    words = sys.argv[1:]
    if words == ["--version"]:
        streams.answer(f"beacon {__version__}\n")
        return
    options = {word for word in words if word.startswith("-")}
    verb = [word for word in words if word not in options]
    others = options - _SCOPES
    is_clear = not options >= _SCOPES  # the parser tells that both at once cannot be
    if verb == ["endpoint", "publish"] and is_clear and not others:
        from beacon.cli.resident import main as keep_publishing  # noqa: PLC0415  # see above

        keep_publishing(options)
        return
    # The collector would look again and again, in vain, through all that imports and definitions make.
    gc.set_threshold(100_000, 20, 20)
    if verb[:1] == ["update"] and is_clear and others <= {"--check"}:
        from beacon.cli.following import main as update  # noqa: PLC0415  # see above

        update(options, verb[1:])
        return
    from beacon.imports import missing  # noqa: PLC0415  # see above

    with missing("rich"):  # typer makes coloured help with it, which is not wanted: 120 ms
        from beacon.cli.app import run  # noqa: PLC0415  # see above

    run()


if __name__ == "__main__":
    main()
