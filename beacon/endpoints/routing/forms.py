"""From what is announced to the keys and values of one store, in the form that beacon.toml asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from beacon.endpoints.routing import beachhead, traefik
from beacon.endpoints.routing.announcements import Announcement, Announcements
from beacon.endpoints.routing.publisher import Entry
from beacon.model.endpoints.publication import FileAccess, Publication


class Formats(Struct, frozen=True):
    """What is loaded only for those who want it: templates and YAML cost time and memory."""

    fill: Callable[[str, Mapping[str, object], str, str], str]
    """Fills in a template (:func:`beacon.formats.template.fill`)."""
    write_yaml: Callable[[Mapping[str, object]], str]
    read: Callable[[str], str]
    """Returns the text of a template's file."""


class RenderedEntries(Struct, frozen=True):
    """What is to be in the store, and what of it is not, each with the reason."""

    entries: Mapping[str, Entry]
    left_out: tuple[str, ...]


def render(
    publication: Publication, announced: Announcements, machine: str, formats: Formats
) -> RenderedEntries:
    """Return what *publication* says of *announced*.

    Raises ConfigError if a template of the owner's is invalid.
    """
    without: list[str] = []
    if isinstance(publication.access, FileAccess):
        found: Mapping[str, str] = {
            publication.access.path: _file(publication, announced.all(), machine, formats)
        }
    elif publication.form == "traefik":
        found, without = traefik.keys(announced, machine, publication)
    elif publication.each == "endpoint":
        found = _each_endpoint(publication, announced, machine, formats)
    else:
        found, without = _each_service(publication, announced, machine, formats)
    entries = {key: Entry(value, publication.expire) for key, value in found.items()}
    return RenderedEntries(entries, (*announced.left_out, *without))


def _each_service(
    publication: Publication, announced: Announcements, machine: str, formats: Formats
) -> tuple[Mapping[str, str], list[str]]:
    found: dict[str, str] = {}
    without: list[str] = []
    for service, own in announced.services.items():
        names = {
            "machine": machine,
            "service": service,
            "endpoints": [announcement.as_dict() for announcement in own],
        }
        key = f"{machine}:{service}" if publication.key is None else _fill(publication, "key", names, formats)
        if publication.value is not None:
            found[publication.prefix + key] = _fill(publication, "value", names, formats)
            continue
        value, no_place = beachhead.array(own)
        without += no_place
        if value != "[]" or not own:
            found[publication.prefix + key] = value
    return found, without


def _each_endpoint(
    publication: Publication, announced: Announcements, machine: str, formats: Formats
) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for announcement in announced.all():
        names = {"machine": machine, **announcement.as_dict()}
        key = publication.prefix + _fill(publication, "key", names, formats)
        found[key] = (
            _compact(names) if publication.value is None else _fill(publication, "value", names, formats)
        )
    return found


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _file(publication: Publication, announced: Iterable[Announcement], machine: str, formats: Formats) -> str:
    names = {"machine": machine, "endpoints": [announcement.as_dict() for announcement in announced]}
    if publication.template is not None:
        made = formats.fill(formats.read(publication.template), names, publication.template, _HINT)
        return made if made.endswith("\n") else f"{made}\n"
    if publication.form == "yaml":
        return formats.write_yaml(names)
    return json.dumps(names, indent=2, ensure_ascii=False) + "\n"


def _fill(publication: Publication, which: str, names: Mapping[str, object], formats: Formats) -> str:
    text = publication.key if which == "key" else publication.value
    return formats.fill(text or "", names, f"{publication.table}.{which}", _HINT)


_HINT = "beacon.toml(5), PUBLISHING, lists what templates get"
