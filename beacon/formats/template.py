"""Templates of Jinja: the unit templates, and the owner's own for what is published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache, partial

from jinja2 import Environment, StrictUndefined, Template, TemplateError

from beacon.errors import ConfigError


def fill(text: str, names: Mapping[str, object], what: str, hint: str) -> str:
    """Return the template *text* with *names* filled in.

    Raises ConfigError, which begins with *what* the template is for, where it cannot be used.
    """
    try:
        made = _compiled(text).render(names)
        made.encode()  # half a surrogate pair is no text, and nobody could write it
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = f"{what}, line {line}" if line else what
        raise ConfigError(f"{place}: {error.message or error}", hint=hint) from error
    except Exception as error:  # what the owner's template calls may raise whatever it likes
        raise ConfigError(f"{what}: {error} ({type(error).__name__})", hint=hint) from error
    return made


@lru_cache(maxsize=64)
def _compiled(text: str) -> Template:
    """Compile a template once: with many services it is filled in many times."""
    return _environment().from_string(text)


@cache
def _environment() -> Environment:
    made = Environment(
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  # not HTML: unit files, configuration files and stores
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["json"] = partial(json.dumps, sort_keys=True, separators=(",", ":"))
    return made
