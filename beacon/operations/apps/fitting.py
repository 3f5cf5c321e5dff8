"""Whether an app fits this machine, told before anything of it is written."""

from __future__ import annotations

from beacon.definition.grammar.quantities import size_text
from beacon.definition.tables.app import ManifestTable
from beacon.errors import BeaconError, UsageError
from beacon.model.notice import Notice
from beacon.operations.machine import Machine


def require_fit(machine: Machine, manifest: ManifestTable, *, force: bool) -> None:
    """Raise UsageError if the machine has another architecture, or unless *force* too little room.

    What fills the disk halfway hurts every other service. Too little memory is a warning alone: it may be
    swapped, and the figures are what people use, not what they could do with.
    """
    app, requires, here = manifest.app, manifest.requires, machine.platform.architecture
    if requires.arch and here not in requires.arch:
        raise UsageError(
            f"{app.name} has no image for this machine, which is {here}",
            hint=f"it has {', '.join(requires.arch)}",
        )
    free = _free(machine)
    if requires.disk is not None and not force and free is not None and free < requires.disk:
        raise UsageError(
            f"{app.name} takes {size_text(requires.disk)} of the disk, and {size_text(free)} are free",
            hint="make room (beacon doctor), or --force if its images are here already",
        )


def short_of_memory(machine: Machine, manifest: ManifestTable) -> tuple[Notice, ...]:
    """Return a warning if the machine has less memory than an app wants; nothing if it has enough."""
    wanted, total = manifest.requires.memory, machine.tools.surroundings.memory()
    if wanted is None or not total or total >= wanted:
        return ()
    text = f"{manifest.app.name} wants {size_text(wanted)} of memory, and this machine has {size_text(total)}"
    return (Notice(text, "it may be slow, or be ended when memory runs out"),)


def _free(machine: Machine) -> int | None:
    """Return the bytes that are free where images are; None if that is not known."""
    try:
        return next(reversed([*machine.tools.surroundings.room().values()]), None)
    except BeaconError:
        return None
