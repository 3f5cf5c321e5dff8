"""Which names a service may have, and why others are refused."""

from __future__ import annotations

import re

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

RESERVED_SUFFIXES = ("-volume", "-network", "-pod", "-image", "-build", "-artifact", "-kube")
"""What Quadlet appends to the units it makes of the other kinds of files (podman-systemd.unit(5))."""


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
        return f"{name!r} is reserved: its unit beacon-{name}.service would be one of Beacon's own"
    for suffix in RESERVED_SUFFIXES:
        if name.endswith(suffix):
            return (
                f"a service name must not end in {suffix!r}: Quadlet gives such names "
                f"to the units that it makes of {suffix[1:]} files"
            )
    return None
