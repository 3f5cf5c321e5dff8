"""Lays out unit files with the unit templates. Values arrive encoded; a template only arranges them."""

from __future__ import annotations

from collections.abc import Mapping

from beacon.errors import ConfigError
from beacon.formats.template import fill

Templates = Mapping[str, str]
"""Text of each unit template by the name of its file."""

TEMPLATE_NAMES = ("container.j2", "volume.j2", "network.j2", "service.j2", "object.j2", "job.j2")
"""What a caller must read."""


def lay_out(templates: Templates, name: str, values: Mapping[str, object]) -> str:
    """Return the text that template *name* makes of *values*."""
    text = templates.get(name)
    if text is None:
        raise ConfigError(f"cannot find the unit template {name!r}")
    what, hint = f"cannot use the unit template {name!r}", "remove your own template to go back to Beacon's"
    return fill(text, values, what, hint).rstrip("\n") + "\n"
