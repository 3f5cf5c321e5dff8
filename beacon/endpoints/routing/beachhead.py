"""What beachhead-companion published of a service: its domains as a JSON array, for confd and its like."""

from __future__ import annotations

import json
from collections.abc import Iterable

from beacon.endpoints.routing.announcements import Announcement, left_out
from beacon.model.service import Scheme

_MAPPED = {Scheme.HTTP: "http", Scheme.H2C: "http", Scheme.HTTPS: "https"}

_Spec = dict[str, object]


def array(announced: Iterable[Announcement]) -> tuple[str, list[str]]:
    """Return the array of what is *announced* of a service, and what has no place in it, with the reason."""
    specs: list[_Spec] = []
    without = []
    for announcement in announced:
        if why := _why_not(announcement):
            without.append(left_out(announcement, why))
        else:
            _add(specs, announcement)
    return json.dumps(specs, sort_keys=True, separators=(",", ":")), without


def _why_not(announcement: Announcement) -> str:
    endpoint = announcement.endpoint
    for there, what in (
        (endpoint.redirect is not None, "redirects"),
        (endpoint.scheme not in _MAPPED, f"{endpoint.scheme} endpoints"),
        (endpoint.path != "/", "paths"),
        (endpoint.internal, "internal endpoints"),
        (endpoint.is_restricted, "rules of who may ask"),
    ):
        if there:
            return f"the format has no {what}"
    return ""


def _add(specs: list[_Spec], announcement: Announcement) -> None:
    """Add a port to the first entry of its domain that has none of that kind yet, or to a new one."""
    domain, kind = announcement.endpoint.domain, _MAPPED[announcement.endpoint.scheme]
    spec = next((one for one in specs if one["domain"] == domain and kind not in one), None)
    if spec is None:
        spec = {"domain": domain, "id": announcement.id}
        specs.append(spec)
    spec[kind] = {"host": announcement.host, "port": announcement.port}
    if announcement.is_marked:
        spec["state"] = announcement.state.value
