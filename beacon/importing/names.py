"""Names of Beacon for what others name: services, networks, volumes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

from beacon.definition.grammar.values import ENGINE_NETWORKS
from beacon.definition.names import MAX_LENGTH, validate_name

_ORIGIN = re.compile(r"^# Imported from (?P<origin>.*)\.$", re.MULTILINE)


def slug(text: str) -> str:
    """Return *text* in the letters that names may have."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def choose_names(
    services: Iterable[str], project: str, is_free: Callable[[str, str], bool]
) -> dict[str, str | None]:
    """Return the name of each service: its own where that is valid and free, else PROJECT-NAME, else NAME-N.

    What is too long is cut. *is_free* is asked with the service and the name that it would get. None: no
    name will do.
    """
    chosen: dict[str, str | None] = {}
    for service in services:
        chosen[service] = next(
            (
                name
                for name in _candidates(service, project)
                if validate_name(name) is None and name not in chosen.values() and is_free(service, name)
            ),
            None,
        )
    return chosen


def _candidates(service: str, project: str) -> Iterator[str]:
    plain = fitting(service)
    yield plain
    yield fitting(f"{project}-{service}")
    base = plain[: MAX_LENGTH - 4].rstrip("-") or "service"
    yield from (f"{base}-{number}" for number in range(1, _MOST))


_MOST = 1000


def fitting(text: str) -> str:
    """Return *text* as a name that is no longer than names may be; what is cut off counts by its digest."""
    name = slug(text)
    return name if len(name) <= MAX_LENGTH else distinct(text)


def distinct(text: str) -> str:
    """Return a name for *text* that nothing else is called, though letters of it cannot be in a name."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{slug(text)[: MAX_LENGTH - 7].rstrip('-')}-{digest}".lstrip("-")


def network_name(project: str, key: str) -> str:
    """Return Beacon's network for the network *key* of a project; ``default`` is the project's own."""
    return usable_network(project if key == "default" else f"{project}-{key}")


def usable_network(text: str) -> str:
    """Return *text* as the name of one of Beacon's networks, and of no mode of the engine's."""
    name = fitting(text)
    return f"{name}-net".lstrip("-") if name in {"", "host", "none", *ENGINE_NETWORKS} else name


def comment(origin: str) -> str:
    """Return the head of a definition that was imported; :func:`origin_of` reads it back."""
    braces = origin.replace("{", "{{").replace("}", "}}")
    return (
        f"# Imported from {braces}.\n"
        "# beacon.toml(5) explains every key. "
        "After a change: `beacon plan {name}`, then `beacon apply {name}`.\n\n"
    )


def origin_of(text: str) -> str | None:
    """Return what the definition *text* was imported from, or None."""
    match = _ORIGIN.search(text)
    return match["origin"] if match else None
