"""From facts to the keys and values of one store, in the form that its table of beacon.toml asks for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from beacon.definition.publishing import FileAccess, Publication
from beacon.endpoints import beachhead, traefik
from beacon.endpoints.facts import Fact, Facts
from beacon.endpoints.publisher import Entry
from beacon.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Template


class Rendered(Struct, frozen=True):
    """What is to be in the store, and what of the facts is not, each with the reason."""

    entries: Mapping[str, Entry]
    left_out: tuple[str, ...]


def render(publication: Publication, facts: Facts, machine: str, template: str = "") -> Rendered:
    """Return what *publication* tells of *facts*; *template* is the text of its template's file.

    Raises ConfigError where a template of the owner's makes no sense.
    """
    without: list[str] = []
    if isinstance(publication.access, FileAccess):
        found: Mapping[str, str] = {
            publication.access.path: _file(publication, facts.all(), machine, template)
        }
    elif publication.form == "traefik":
        found, without = traefik.keys(facts, machine, publication)
    elif publication.each == "endpoint":
        found = _each_endpoint(publication, facts, machine)
    else:
        found, without = _each_service(publication, facts, machine)
    entries = {key: Entry(value, publication.expire) for key, value in found.items()}
    return Rendered(entries, (*facts.left_out, *without))


def _each_service(
    publication: Publication, facts: Facts, machine: str
) -> tuple[Mapping[str, str], list[str]]:
    found: dict[str, str] = {}
    without: list[str] = []
    for service, own in facts.services.items():
        names = {"machine": machine, "service": service, "endpoints": [fact.as_dict() for fact in own]}
        key = f"{machine}:{service}" if publication.key is None else _fill(publication, "key", names)
        if publication.value is not None:
            found[publication.prefix + key] = _fill(publication, "value", names)
            continue
        value, no_place = beachhead.array(own)
        without += no_place
        if value != "[]" or not own:
            found[publication.prefix + key] = value
    return found, without


def _each_endpoint(publication: Publication, facts: Facts, machine: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for fact in facts.all():
        names = {"machine": machine, **fact.as_dict()}
        key = publication.prefix + _fill(publication, "key", names)
        found[key] = _compact(names) if publication.value is None else _fill(publication, "value", names)
    return found


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _file(publication: Publication, facts: Iterable[Fact], machine: str, template: str) -> str:
    names = {"machine": machine, "endpoints": [fact.as_dict() for fact in facts]}
    if publication.form == "template":
        made = _rendered(template, names, str(publication.template))
        return made if made.endswith("\n") else f"{made}\n"
    if publication.form == "yaml":
        import yaml  # noqa: PLC0415  # for those who want YAML

        return str(yaml.safe_dump(names, sort_keys=False, allow_unicode=True))
    return json.dumps(names, indent=2, ensure_ascii=False) + "\n"


def _fill(publication: Publication, which: str, names: Mapping[str, object]) -> str:
    text = publication.key if which == "key" else publication.value
    return _rendered(text or "", names, f"{publication.table}.{which}")


@lru_cache(maxsize=64)
def _compiled(text: str) -> Template:
    """Compile a template once: with many services it is filled in many times."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  # costs time and memory, for those who want it

    made = Environment(
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  # not HTML: values go into a configuration file or a store
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["json"] = _compact
    return made.from_string(text)


def _rendered(text: str, names: Mapping[str, object], what: str) -> str:
    from jinja2 import TemplateError  # noqa: PLC0415  # as above

    try:
        made = _compiled(text).render(names)
        made.encode()  # half a surrogate pair is no text, and nobody could write it
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = f"{what}, line {line}" if line else what
        raise ConfigError(
            f"{place}: {error.message or error}", hint="beacon.toml(5), PUBLISHING, lists what templates get"
        ) from error
    except Exception as error:  # what the owner's template calls may raise whatever it likes
        raise ConfigError(f"{what}: {error} ({type(error).__name__})") from error
    return made
