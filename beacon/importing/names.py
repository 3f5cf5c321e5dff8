"""Names of Beacon for what others name: services, networks, volumes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from beacon.definition.names import MAX_LENGTH, validate_name

_ORIGIN = re.compile(r"^# Imported from (?P<origin>.*)\.$", re.MULTILINE)


def slug(text: str) -> str:
    """Return *text* in the letters that names may have."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def choose_names(
    services: Iterable[str], project: str, is_free: Callable[[str, str], bool]
) -> dict[str, str | None]:
    """Return the name of each service: its own where that is valid and free, else PROJECT-NAME.

    *is_free* is asked with the service and the name that it would get. None: neither will do.
    """
    chosen: dict[str, str | None] = {}
    own = list(services)
    for service in own:
        plain = slug(service)
        candidates = [plain] if plain not in (name for name in chosen.values()) else []
        candidates += [slug(f"{project}-{service}")] if project else []
        chosen[service] = next(
            (
                name
                for name in candidates
                if validate_name(name) is None and name not in chosen.values() and is_free(service, name)
            ),
            None,
        )
    return chosen


def network_name(project: str, key: str) -> str:
    """Return Beacon's network for the network *key* of a project; ``default`` is the project's own."""
    name = slug(project) if key == "default" else slug(f"{project}-{key}")
    return name[:MAX_LENGTH].rstrip("-") or "default"


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
