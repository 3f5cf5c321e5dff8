"""Lays out unit files with the unit templates. Values arrive encoded; a template only arranges them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from beacon.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Environment, Template

Templates = Mapping[str, str]
"""Text of each unit template by the name of its file."""

TEMPLATE_NAMES = ("container.j2", "volume.j2", "network.j2", "service.j2", "object.j2")
"""What a caller must read."""


def lay_out(templates: Templates, name: str, values: Mapping[str, object]) -> str:
    """Return the text that template *name* makes of *values*."""
    from jinja2 import TemplateError  # noqa: PLC0415  # costs 40 ms, and most runs render nothing

    text = templates.get(name)
    if text is None:
        raise ConfigError(f"cannot find the unit template {name!r}")
    try:
        laid_out = _compiled(text).render(values)
    except TemplateError as error:
        message = f"cannot use the unit template {name!r}: {error.message}"
        raise ConfigError(message, hint="remove your own template to go back to Beacon's") from error
    return laid_out.rstrip("\n") + "\n"


@lru_cache(maxsize=16)
def _compiled(text: str) -> Template:
    return _environment().from_string(text)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  # see above

    return Environment(
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  # unit files are no markup
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
