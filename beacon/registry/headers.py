"""Reads the headers in which registries say how to log in, where to go on and how long to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from beacon.registry.results import Budget

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s,"]*))')
_SCHEME = re.compile(rf"({_WORD})(?=[\s,]|$)")
_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s",;<>=]+(?:\s*=\s*(?:"[^"]*"|[^\s",;<>]*))?)*)')
_RELATION = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))', re.IGNORECASE)
_COUNT = re.compile(r"\s*(-?\d{1,18})(?!\d)")
_WINDOW = re.compile(r";\s*w\s*=\s*(\d{1,18})(?!\d)")


class Challenge(NamedTuple):
    """One way to log in (RFC 9110, 11.3): the scheme in lower case, its parameters by name in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(value: str) -> tuple[Challenge, ...]:
    """Return the challenges of WWW-Authenticate in order; what makes no sense is skipped."""
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while position < len(value):
        if match := _PARAMETER.match(value, position):
            if found:
                text = match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
                found[-1][1].setdefault(match[1].lower(), text)
        elif match := _SCHEME.match(value, position):
            found.append((match[1].lower(), {}))
        position = match.end() if match else position + 1
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def next_link(value: str) -> str | None:
    """Return the target of rel="next" in a Link header (RFC 8288), as written there."""
    for link in _LINK.finditer(value):
        for relation in _RELATION.finditer(link[2]):
            if "next" in (relation[1] or relation[2] or "").lower().split():
                return link[1].strip()
    return None


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds to wait by Retry-After, which holds seconds or a date; None where it is neither."""
    text = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def parse_budget(headers: Mapping[str, str]) -> Budget | None:
    """Return what ratelimit-remaining (``76;w=21600``) and ratelimit-limit say, or None."""
    remaining = headers.get("ratelimit-remaining", "")
    count = _COUNT.match(remaining)
    if count is None:
        return None
    limit = headers.get("ratelimit-limit", "")
    most = _COUNT.match(limit)
    window = _WINDOW.search(remaining) or _WINDOW.search(limit)
    return Budget(max(0, int(count[1])), int(most[1]) if most else None, float(window[1]) if window else None)
