"""The beacon command."""

from __future__ import annotations

import gc
import sys

from beacon import __version__, streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from beacon.cli.display import Display

_EX_USAGE = 2
_EX_OSERR = 71
_SCOPES = {"--user", "--system"}
_AT_THE_TERMINAL = {"edit", "endpoint", "exec", "login", "logout", "logs", "new", "stats"}
"""The verbs that end with their terminal; what others have begun goes on when an ssh session closes."""


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
        streams.say(f"error: cannot write the answer: {error}\n")
        sys.exit(_EX_OSERR)


def _run() -> None:
    """Choose what to import: the version is answered before anything costly is.

    What systemd's units run needs no parser of its few words: typer takes 35 ms, a fifth of a check, at every
    run of the timer, and would stay in the memory of what publishes.
    """
    words = sys.argv[1:]
    if (wrong := next((word for word in words if not streams.is_text(word)), None)) is not None:
        # What is asked for is recorded and answered in UTF-8.
        streams.say(f"error: {wrong!r} is not UTF-8\n")
        sys.exit(_EX_USAGE)
    if words == ["--version"]:
        streams.answer(f"beacon {__version__}\n")
        return
    options = {word for word in words if word.startswith("-")}
    verb = [word for word in words if word not in options]
    others = options - _SCOPES
    if not _AT_THE_TERMINAL.intersection(verb[:1]):
        streams.outlive_terminal()
    is_clear = not options >= _SCOPES  # the parser tells that both at once cannot be
    if verb == ["endpoint", "publish"] and is_clear and not others:
        from beacon.cli.publishing import main as keep_publishing  # noqa: PLC0415  # see above

        keep_publishing(options)
        return
    # The collector would look again and again, in vain, through all that imports and definitions make.
    gc.set_threshold(100_000, 20, 20)
    if verb[:1] == ["update"] and is_clear and others <= {"--check"}:
        from beacon.cli.services.following import main as update  # noqa: PLC0415  # see above

        update(options, verb[1:], _display)
        return
    from beacon.imports import missing  # noqa: PLC0415  # see above

    with missing("rich"):  # typer makes coloured help with it, which is not wanted: 120 ms
        from beacon.cli.app import run  # noqa: PLC0415  # see above

    run(_display)


def _display(colour: bool) -> Display:  # noqa: FBT001  # handed on as it is
    from beacon.cli.display import Display  # noqa: PLC0415  # 60 ms that only a pull at a terminal pays for

    return Display(colour=colour)


if __name__ == "__main__":
    main()
