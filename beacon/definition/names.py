"""Which names a service may have, and why others are refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

from beacon.model.unit import PREFIX, unit_name

MAX_LENGTH = 48
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")

RESERVED = frozenset(
    {
        "update",
        "endpoints",
        "endpoint",
        "webhook",
        "check",
        "apply",
        "notify",
        "wait-healthy",
        "agent",
        "mothership",
        "panel",
        "fleet",
    },
)
"""Names whose unit would be one of Beacon's own (``beacon-update.service``)."""

RESERVED_SINCE = frozenset({"backup"})
RESERVED_PREFIXES = ("hook-", "operation-")
"""The same for names that services had before these were reserved: those go on, and there are no new ones."""

RESERVED_SUFFIXES = ("-volume", "-network", "-pod", "-image", "-build", "-artifact", "-kube")
"""What Quadlet appends to the units it makes of the other kinds of files (podman-systemd.unit(5))."""


def validate_new_name(name: str) -> str | None:
    """Return what is wrong with *name* for a service that is not there yet, or None.

    What older versions let through stays the name of the services that have it.
    """
    problem = validate_name(name)
    if problem is not None:
        return problem
    if name.startswith(PREFIX):
        short = name.removeprefix(PREFIX)
        return f"a service name must not begin with {PREFIX!r}: {name} stands for {short}, by its unit's name"
    if name in RESERVED_SINCE or name.startswith(RESERVED_PREFIXES):
        return _own_unit(name)
    return None


def _own_unit(name: str) -> str:
    return f"{name!r} is reserved: its unit {unit_name(name)} would be one of Beacon's own"


def validate_name(name: str) -> str | None:
    """Return what is wrong with *name* as the name of a service, or None."""
    if not _NAME.fullmatch(name) or name.endswith("-"):
        return (
            "a service name must be of a-z, 0-9 and -, "
            f"beginning with a letter or digit and not ending in -, not {name!r}"
        )
    if len(name) > MAX_LENGTH:
        return f"a service name must have at most {MAX_LENGTH} characters, not {len(name)}"
    if name in RESERVED:
        return _own_unit(name)
    for suffix in RESERVED_SUFFIXES:
        if name.endswith(suffix):
            return (
                f"a service name must not end in {suffix!r}: Quadlet gives such names "
                f"to the units that it makes of {suffix[1:]} files"
            )
    return None


def meant(name: str, known: Collection[str]) -> str:
    """Return the service that a name on the command line means: one of the *known* that is called so.

    Else the names of its unit and of its file are understood too.
    """
    if name in known:
        return name
    return name.removeprefix(PREFIX).removesuffix(".service").removesuffix(".toml")


def nearest(name: str, known: Sequence[str]) -> str:
    """Return what to say of a service that is none of the *known*."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return "beacon status lists the services" if known else "beacon add NAME IMAGE makes the first one"
