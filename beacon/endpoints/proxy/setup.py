"""Setting up the managed proxy: the machine's Caddy takes in Beacon's file from now on."""

from __future__ import annotations

from collections.abc import Callable

from beacon.endpoints.proxy.caddy import IMPORT, MAIN, Caddy, imports_own, is_installed
from beacon.endpoints.routing.caddyfile import NOTHING
from beacon.errors import MachineError


def set_up(caddy: Caddy, report: Callable[[str], None], *, overwrite: bool = False) -> None:
    """Have Caddy take in Beacon's file, and start it; *report* hears what became of the owner's Caddyfile.

    With *overwrite* a file that was edited by hand is written anew. Raises MachineError if Caddy is missing,
    or refuses its configuration.
    """
    if not is_installed():
        raise MachineError("Caddy is not installed", hint="sudo apt install caddy")
    main = caddy.main()
    if not imports_own(main):
        report(_import_own(caddy, main))
    if overwrite or not caddy.is_managed():
        caddy.put(NOTHING.text())
    caddy.enable()


def _import_own(caddy: Caddy, main: str) -> str:
    """Have the owner's Caddyfile, which says *main*, take in Beacon's file; return what was done to it."""
    pristine = caddy.is_pristine()
    new = f"{IMPORT}\n" if pristine else f"{main.rstrip()}\n\n{IMPORT}\n"
    why = caddy.refuses(NOTHING.text(), main=new)
    if why is not None:
        raise MachineError(f"Caddy refuses its configuration: {why}", hint=f"mend {MAIN} first")
    caddy.put_main(new)
    if pristine:
        return f"{MAIN}: its welcome page is now one line: {IMPORT}"
    return f"{MAIN} has a new line at its end: {IMPORT}"
